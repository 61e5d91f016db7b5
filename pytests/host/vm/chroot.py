"""Running commands in a root of the cache, with its own mounts, which end with the command."""

import shlex

from . import cache
from .process import as_root, confined, finish


def _mount_root(roots, writable):
    """Shell commands that mount roots on $at, laid over each other, the first on top."""
    lower = "lowerdir=" + shlex.quote(":".join(map(str, roots)))
    if writable:
        return [
            "mount -t tmpfs tmpfs \"$at\"",
            "mkdir \"$at/upper\" \"$at/work\" \"$at/root\"",
            f"mount -t overlay -o {lower},upperdir=\"$at/upper\",workdir=\"$at/work\" overlay"
            " \"$at/root\"",
            "at=$at/root",
        ]
    if len(roots) > 1:
        return [f"mount -t overlay -o ro,{lower} overlay \"$at\""]
    return [f"mount --bind {shlex.quote(str(roots[0]))} \"$at\""]


def run_in(root, name, inside, binds, writable=False, on_line=lambda line: None):
    """Run a shell script in a root and return the finished process, its output as text.

    Args:
        root: the folder of the root, or several that are laid over each other, the first on top.
            It has /proc, /dev, /tmp and a folder for each bind.
        name: of the mount point; two runs at the same time need two names.
        inside: the script.
        binds: (host's folder, folder in the root, "ro" or "rw") of what it sees of the host.
        writable: whether the script may change the root. What it changes is in memory, and is
            gone at the end.
        on_line: called with each line that the script writes, when it does.
    """
    mount = cache.FOLDER / "mount" / name
    mount.mkdir(parents=True, exist_ok=True)
    lines = [
        "set -e",
        f"at={shlex.quote(str(mount))}",
        *_mount_root(root if isinstance(root, (list, tuple)) else [root], writable),
        "mount -t proc proc \"$at/proc\"",
        "mount --rbind /dev \"$at/dev\"",
        "mount -t tmpfs tmpfs \"$at/tmp\"",
    ]
    for source, target, mode in binds:
        inner = f"\"$at\"{shlex.quote(target)}"
        lines.append(f"mount --bind {shlex.quote(str(source))} {inner}")
        if mode == "ro":
            lines.append(f"mount -o remount,bind,ro {inner}")
    if not writable:
        lines.append("mount -o remount,bind,ro \"$at\"")
    # LC_CTYPE: where the host has no locale, python sets one that the root may not have. The others
    # are of a make that has started us, of which one in the root would take itself for a part, or
    # of other builds of kernels.
    prelude = (
        "unset LC_CTYPE MAKEFLAGS MFLAGS MAKELEVEL KBUILD_OUTPUT ARCH CROSS_COMPILE LLVM\n"
        "export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C LC_ALL=C PYTHONUTF8=1\n"
    )
    lines.append(f"exec chroot \"$at\" /bin/sh -c {shlex.quote(prelude + inside)}")
    return finish(as_root(confined(["sh", "-c", "\n".join(lines)])), on_line)
