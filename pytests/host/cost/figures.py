"""From the guest's lines to figures with names."""

import json
from statistics import median

from .build import HERE

# Which file is read: the columns of a `read` line. The default parents are redirected and
# observed there.
EVENTS, LOCAL = 0, 1

# name: (the state it was measured in, the file). Those of the module, then the alternatives.
MODULE = {
    "enabled N": ("disabled", LOCAL),
    "hook absent, at the end": ("absent_again", LOCAL),
    "counted": ("hooked", LOCAL),
    "redirected": ("hooked", EVENTS),
    "redirected, default banner": ("banner", EVENTS),
    "only, in scope": ("only", EVENTS),
    "only, out of scope": ("only_out", EVENTS),
    "only, counted": ("only", LOCAL),
    "readers, in scope": ("readers", EVENTS),
    "only and readers, in scope": ("only_readers", EVENTS),
    "times": ("times", EVENTS),
    "times used up": ("times_used_up", EVENTS),
    "redirected, after a scope": ("unscoped", EVENTS),
    "unlisted": ("unlisted", LOCAL),
    "counted, tracepoint on": ("traced", LOCAL),
    "redirected, tracepoint on": ("traced", EVENTS),
    "counted, tracepoint off again": ("untraced", LOCAL),
    "counted, 1 parent": ("parents_1", LOCAL),
    "counted, 16 parents": ("parents_16", LOCAL),
    "counted, 64 parents": ("parents_64", LOCAL),
    "counted, 256 parents": ("parents_256", LOCAL),
    "unlisted, no parent": ("unlisted_0", LOCAL),
    "unlisted, 255 parents": ("unlisted_255", LOCAL),
}
ALTERNATIVES = {
    "floor: empty IPMODIFY handler": ("floor", LOCAL),
    "article's handler, passed on": ("article", LOCAL),
    "article's handler, redirected": ("article", EVENTS),
    "livepatch": ("livepatch", EVENTS),
    "kprobe, passed on": ("kprobe", LOCAL),
    "kprobe, redirected": ("kprobe", EVENTS),
    "kprobe and stack walk, passed on": ("stack_walk", LOCAL),
    "kprobe and stack walk, redirected": ("stack_walk", EVENTS),
}


# They copy data, write a ring buffer or look addresses up: their figures depend on addresses, which
# the kernel randomizes at each boot.
PLACED = ("default banner", "tracepoint on", "stack walk")

# What lies in the allocator of per-CPU memory, as it counts: by pages.
PER_CPU = "per CPU, whole pages"


def _exact(number):
    """A whole number as one: the clock's own rate is off by a millionth. Others to a digit."""
    whole = round(number)
    return whole if abs(number - whole) < 0.1 else round(number, 1)


def costs(lines):
    """What `guest.sh costs` measured.

    Returns:
        {"read": instructions of a read with no hook,
         "module": {name: extra instructions a read}, "alternatives": the same,
         "left out": [which alternative is not there, and why]}
    """
    reads = {words[1]: [float(word) for word in words[2:]]
             for words in map(str.split, lines) if words[0] == "read"}
    absent = reads["absent"]

    def extra(table):
        return {name: _exact(reads[state][file] - absent[file])
                for name, (state, file) in table.items() if state in reads}

    module = extra(MODULE)
    for name, state, untraced in (("tracepoint off", "hooked", "no_trace"),
                                  ("tracepoint off, unlisted", "unlisted", "no_trace_unlisted")):
        module[name] = _exact(reads[state][LOCAL] - reads[untraced][LOCAL])
    left_out = [line.partition(" ")[2] for line in lines if line.startswith("left_out ")]
    return {"read": round(absent[LOCAL]), "module": module, "alternatives": extra(ALTERNATIVES),
            "left out": left_out}


def differing(first, second):
    """What two runs' costs(), as it returns them, do not agree on: lines for a person.

    Not asked: what a read takes in all, and what is PLACED.
    """
    return [f"{name}: {count}, then {second[kind].get(name)}"
            for kind in ("module", "alternatives") for name, count in first[kind].items()
            if count != second[kind].get(name) and not any(word in name for word in PLACED)]


def switching(lines):
    """What `guest.sh switching` measured.

    Returns:
        {"writes": {name: {"cpu": [instructions of the writer], "elapsed": [guest's ns]}},
         "text": {"redirect": whether a flip of it changed the kernel's text,
                  "enabled": whether one of it changed the target's}}
    """
    writes, text = {}, {}
    for words in map(str.split, lines):
        if words[0] == "write":
            of_name = writes.setdefault(words[1], {"cpu": [], "elapsed": []})
            of_name["elapsed"].append(int(words[2]))
            of_name["cpu"].append(int(words[3]))
        elif words[0] == "text":
            text[words[1]] = words[2:]
    return {
        "writes": writes,
        "text": {
            "redirect": len({tuple(text[when])
                             for when in ("hooked", "counted", "redirected")}) > 1,
            "enabled": text["hooked"][1] != text["disabled"][1],
        },
    }


def memory(lines):
    """What `guest.sh memory` measured.

    Returns:
        {"parent": {cache: bytes for one more parent}, "parents": how many were added,
         "load": bytes allocated by loading with two parents, "module": the module's own size}
    """
    slab, module = {}, 0
    for words in map(str.split, lines):
        if words[0] == "slab":
            slab.setdefault(words[1], {})[words[2]] = int(words[3])
        elif words[0] == "percpu":
            slab.setdefault(words[1], {})[PER_CPU] = int(words[2])
        elif words[0] == "module":
            module = int(words[1])

    def grown(before, after):
        names = slab[after].keys() | slab[before].keys()
        return {name: slab[after].get(name, 0) - slab[before].get(name, 0) for name in names}

    added = 254
    per_parent = {name: _exact(bytes_ / added)
                  for name, bytes_ in grown("loaded", "filled").items()
                  if bytes_ >= 8 * added or name == PER_CPU}
    return {
        "parent": dict(sorted(per_parent.items(), key=lambda item: -item[1])),
        "parents": added,
        "load": sum(grown("absent", "loaded").values()),
        "module": module,
    }


# What the parent counts of the reads of each reader, by state: hits, and redirected of them.
COUNTS = {
    "off": lambda reads: (0, 0),
    "counted": lambda reads: (sum(reads), 0),
    "redirected": lambda reads: (sum(reads), sum(reads)),
    "only": lambda reads: (sum(reads), sum(reads)),
    "times": lambda reads: (sum(reads), sum(reads)),
    # scaling.sh names the first reader's cgroup.
    "scope": lambda reads: (sum(reads), reads[0]),
    # scaling.sh gives so many.
    "budget": lambda reads: (sum(reads), 1000),
    "changes": lambda reads: (sum(reads), sum(reads)),
}
# States that are not a mode of the hook's, each with every CPU reading.
ONLY_EXACT = ("scope", "budget", "changes")


def scaling(lines):
    """What `guest.sh scaling` measured.

    Returns:
        {"states": {state: {readers: [reads/s of all of them]}},
         "compared": how many runs' counters were compared with the reads,
         "inexact": [which of them were not the same: lines for a person],
         "changes": how often the list changed under readers}
    """
    states, compared, inexact, changes = {}, 0, [], 0
    for words in map(str.split, lines):
        if words[0] == "changes":
            changes = int(words[1])
        if words[0] != "run":
            continue
        state, readers, rate, *reads = words[1], *map(int, (words[2], *words[5:]))
        if state in COUNTS:
            compared += 1
            wanted = "hits {}, redirected {}".format(*COUNTS[state](reads))
            got = f"hits {words[3]}, redirected {words[4]}"
            if got != wanted:
                inexact.append(f"{state}, {readers} readers: {got}; it should be {wanted}")
        if state not in ONLY_EXACT:
            states.setdefault(state, {}).setdefault(readers, []).append(rate)
    return {"states": states, "compared": compared, "inexact": inexact, "changes": changes}


def ratio(of_state, readers):
    """How many times as much as one so many readers read: by the medians, and in the round with the
    least and the one with the greatest.

    Args:
        of_state: {readers: [reads/s]}, as scaling() returns it.
    """
    rounds = [many / one for one, many in zip(of_state[1], of_state[readers])]
    return median(of_state[readers]) / median(of_state[1]), min(rounds), max(rounds)


def beyond_bounds(name, found):
    """What left the bounds: lines for a person.

    A bound of 0 is exact: a read that got cheaper there was not measured well.

    Args:
        name: the kernel's.
        found: as costs() returns it.
    """
    bounds = json.loads((HERE / "bounds.json").read_text("ascii")).get(name, {})
    extra = found["module"]
    return [
        f"{name}: {what}: {extra[what]:+} instructions, bound {bound:+}"
        for what, bound in bounds.items()
        if extra[what] > bound or bound == 0 != extra[what]
    ]
