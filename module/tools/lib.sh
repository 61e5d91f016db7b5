# shellcheck shell=sh disable=SC2034 # the names are for those that source it
# What the tools of this folder share: names, refusals, and what a tool needs.
# They run on the user's machine, from the top of the source tree. Every refusal
# says what to do next.
#
# MEMEVENTS_ROOT stands before each absolute path that is looked at, so that a
# test can show the tools another machine.
set -eu

root=${MEMEVENTS_ROOT:-}
name=memevents_hook
ko=module/$name.ko
debugfs=/sys/kernel/debug
tree=$debugfs/$name

# say LINE...
say()
{
	for line; do
		echo "$name: $line"
	done
}

# die LINE...
die()
{
	say "$@" >&2
	exit 1
}

loaded()
{
	[ -d "$root/sys/module/$name" ]
}

need_root()
{
	[ "$(id -u)" -eq 0 ] || die "not root: run it as root, or with sudo"
}

need_debugfs()
{
	grep -qw debugfs "$root/proc/filesystems" ||
		die "this kernel has no debugfs: the hook's switches would be out of reach"
	[ -d "$root$debugfs/tracing" ] || grep -q " $debugfs debugfs " "$root/proc/mounts" ||
		die "debugfs is not mounted: mount -t debugfs none $debugfs"
}

need_loaded()
{
	need_root
	loaded || die "not loaded: make load"
	need_debugfs
	[ -d "$root$tree" ] || die "loaded, but $tree is not there: booted with debugfs=off?"
}
