"""Headers as vendors have them: what later kernels brought, under the version of an earlier one.

A kernel of the table whose row names changes of this module's table is Debian's own. Its modules
are built with changed copies of its headers, which are laid over those; it loads and runs them as a
vendor's kernel would.
"""

import re

from . import cache
from .errors import HarnessError

# What is changed: by name, (header, pattern, what stands instead). Each pattern has to be found.
CHANGES = {
    # 94d095ffa0e1, 6.2; RHEL 9's 5.14 has it.
    "set-ip-renamed": tuple(
        (name, r"\bftrace_instruction_pointer_set\b", "ftrace_regs_set_instruction_pointer")
        for name in ("include/linux/ftrace.h", "arch/x86/include/asm/ftrace.h")),
    # 2c92ca849fcc, 6.10: the field keeps where its text is, and __assign_str() takes it from there.
    "assign-str-of-one": (
        ("include/trace/stages/stage2_data_offsets.h",
         r"(#define __string\(item, src\) .*)", r"\1 const char *item##_from;"),
        ("include/trace/stages/stage5_get_offsets.h",
         r"(#define __string\(item, src\) [^#]* \+ 1\))",
         r"\1 __data_offsets->item##_from = (src);"),
        ("include/trace/stages/stage6_event_callback.h",
         r"#define __assign_str\(dst, src\)[^#]*;",
         r'#define __assign_str(dst) strcpy(__get_str(dst), __data_offsets.dst##_from ?: "(null)");'
         )),
    # Behind all others, where it moves none. What lies behind the array of events in struct
    # mem_cgroup moves, but no module of ours looks into that: the kernel hands over the array.
    "event-added": (
        ("include/linux/memcontrol.h",
         r"\tMEMCG_NR_MEMORY_EVENTS,", "\tMEMCG_VENDOR,\n\tMEMCG_NR_MEMORY_EVENTS,"),),
}


def inputs(kernel):
    """What modules for the kernel depend on, beside its own headers: nothing for most."""
    return tuple(str(CHANGES[name]) for name in kernel.headers)


def layers(kernel, release, folder):
    """The folders to lay over the kernel's root: none, or one with its changed headers.

    Args:
        release: the kernel's own, as fetch() returns it.
        folder: where the changed headers are put; made anew.

    Raises:
        HarnessError: a header is not what a change is for.
    """
    if not kernel.headers:
        return ()
    cache.remove(folder)
    for name in kernel.headers:
        for header, pattern, new in CHANGES[name]:
            _change(release.root, header, pattern, new, folder)
    return (folder,)


def _change(root, header, pattern, new, folder):
    """Put the header into the folder, where it is below the root; one that is there is changed."""
    found = list(root.glob(f"usr/src/linux-headers-*/{header}"))
    if len(found) != 1:
        raise HarnessError(f"{header}: expected it once in {root}, found {found}")
    target = folder / found[0].relative_to(root)
    source = target if target.exists() else found[0]
    text, count = re.subn(pattern, new, source.read_text(encoding="utf-8"))
    if not count:
        raise HarnessError(f"{header}: nothing in it looks like {pattern}")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
