"""Draws what the benchmark measured: reads a kernel's results (JSON) and writes an SVG.

Run by Debian's own python3, which has Debian's matplotlib: plot.py RESULTS SVG
"""

import json
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "memevents_hook"  # the same figures, the same file
from matplotlib import pyplot  # noqa: E402  pylint: disable=wrong-import-position
from matplotlib.patches import Patch  # noqa: E402  pylint: disable=wrong-import-position

OURS, OTHERS = "#0072b2", "#e69f00"

FLOOR = "floor: empty IPMODIFY handler"

OFF_THE_SCALE = ("stack walk", "tracepoint on")
# Shown by the number of parents, or nothing to see.
NO_MODE = ("parent", "absent", "tracepoint off")


def _has(name, words):
    return any(word in name for word in words)


def _off_the_scale(costs):
    """A line with the costs that would dwarf the others."""
    return "off the scale: " + "; ".join(
        f"{name} +{extra:.0f}"
        for kind in ("module", "alternatives") for name, extra in costs[kind].items()
        if _has(name, OFF_THE_SCALE) and "redirected" not in name)


def _modes(axes, costs):
    bars = [
        (name, extra, colour)
        for kind, colour in (("module", OURS), ("alternatives", OTHERS))
        for name, extra in costs[kind].items()
        if not _has(name, OFF_THE_SCALE + NO_MODE)
    ]
    bars.reverse()
    drawn = axes.barh([bar[0] for bar in bars], [bar[1] for bar in bars],
                      color=[bar[2] for bar in bars])
    for bar, (_, extra, _) in zip(drawn, bars):
        axes.text(bar.get_width() + 2, bar.get_y() + bar.get_height() / 2, f"+{extra}",
                  va="center")
    axes.axvline(costs["alternatives"][FLOOR], color="gray", linestyle=":")
    axes.margins(x=0.12)
    axes.set_xlabel(f"extra instructions a read\n{_off_the_scale(costs)}")
    axes.legend(handles=[Patch(color=OURS, label="this module"),
                         Patch(color=OTHERS, label="other ways")], loc="best")
    axes.set_title(f"by mode; a read without a hook takes {costs['read']}")


def _parents(axes, costs):
    module = costs["module"]
    numbers = (1, 2, 16, 64, 256)
    axes.plot(
        numbers,
        [module["counted" if n == 2 else
                f"counted, {n} parent{'s' if n > 1 else ''}"] for n in numbers],
        marker="o", color=OURS, label="counted",
    )
    axes.plot((1, 255), (module["unlisted"], module["unlisted, 255 parents"]), marker="s",
              linestyle="--", color=OURS, label="not listed")
    axes.axhline(costs["alternatives"][FLOOR], color=OTHERS,
                 label="floor: empty handler")
    axes.set_xscale("log", base=2)
    axes.set_xticks(numbers)
    axes.set_xticklabels([str(n) for n in numbers])
    axes.set_ylim(0, 1.15 * axes.get_ylim()[1])
    axes.set_xlabel("parents listed")
    axes.set_ylabel("extra instructions a read")
    axes.legend()
    axes.set_title("by number of parents")


def main():
    """Draw."""
    with open(sys.argv[1], encoding="ascii") as results:
        found = json.load(results)
    figure, (modes, parents) = pyplot.subplots(
        1, 2, figsize=(12, 4.5), gridspec_kw={"width_ratios": (3, 2)})
    _modes(modes, found["costs"])
    _parents(parents, found["costs"])
    figure.suptitle(f"memevents_hook on Linux {found['release']}: {found['command']}")
    figure.tight_layout()
    figure.savefig(sys.argv[2], metadata={"Date": None})


if __name__ == "__main__":
    main()
