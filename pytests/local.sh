#!/bin/sh
# What `make load`, `unload`, `status`, `watch` and `check` do, on this machine,
# from the top of the source tree. Every refusal says what to do next.
set -eu

name=memevents_hook
ko=module/$name.ko
debugfs=/sys/kernel/debug
tree=$debugfs/$name

die()
{
	for line; do
		echo "memevents_hook: $line" >&2
	done
	exit 1
}

loaded()
{
	[ -d /sys/module/$name ]
}

need_root()
{
	[ "$(id -u)" -eq 0 ] || die "not root: run it as root, or with sudo"
}

need_debugfs()
{
	grep -qw debugfs /proc/filesystems ||
		die "this kernel has no debugfs: the hook's switches would be out of reach"
	[ -d $debugfs/tracing ] || grep -q " $debugfs debugfs " /proc/mounts ||
		die "debugfs is not mounted: mount -t debugfs none $debugfs"
}

need_loaded()
{
	need_root
	loaded || die "not loaded: make load"
	need_debugfs
	[ -d $tree ] || die "loaded, but $tree is not there: booted with debugfs=off?"
}

# headers KDIR
headers()
{
	[ -e "$1/Makefile" ] && return
	# /lib/modules/RELEASE/build or /usr/src/linux-headers-RELEASE
	release=${1%/}
	release=${release%/build}
	release=${release##*/}
	release=${release#linux-headers-}
	case $release in
	[0-9]*) ;;
	*) release=$(uname -r) ;;
	esac
	die "no kernel headers at KDIR=$1: apt-get install linux-headers-$release"
}

# load PARAMETERS...
load()
{
	need_debugfs
	! loaded || die "loaded already: make unload first, or use what is in $tree"
	if refused=$(insmod $ko "$@" 2>&1); then
		echo "memevents_hook: loaded; its switches and counters: $tree"
		return
	fi
	echo "$refused" >&2
	dmesg 2> /dev/null | grep "$name: " | tail -n 1 >&2 || true
	case $refused in
	*"Invalid module format"*)
		die "built for another kernel: make clean, then make load" ;;
	*"Operation not supported"*)
		die "this kernel lacks what the hook needs: the lines above, or dmesg, say what" ;;
	*"Key was rejected"* | *"Required key"* | *"Operation not permitted"*)
		die "this kernel takes signed modules only (Secure Boot): README tells how to sign it" ;;
	esac
	die "not loaded: the lines above, or dmesg, say why"
}

unload()
{
	loaded || die "not loaded"
	rmmod $name || die "a file in $tree is open, or something else holds the module: lsmod"
	echo "memevents_hook: unloaded"
}

status()
{
	need_loaded
	cat $tree/stats
}

# On a terminal the frames are drawn over each other on its other screen.
watch()
{
	need_loaded
	live=0
	if [ -t 1 ]; then
		live=1
		trap 'printf "\033[?25h\033[?1049l"' EXIT
		printf '\033[?1049h\033[?25l'
	fi
	# In the background, so that the shell hears a signal at once.
	awk -v live=$live -v stats=$tree/stats -f pytests/watch.awk &
	# What is killed dash has a word about, where it is waited for.
	trap 'kill $! 2> /dev/null || :; wait $! 2> /dev/null || :; exit 0' INT TERM
	wait $! || :
}

# check PYTHON PYTEST-OPTIONS...
check()
{
	python=$1
	shift
	command -v "$python" > /dev/null || die "no $python: apt-get install python3 python3-pytest"
	"$python" -c 'import pytest' 2> /dev/null || die "no pytest: apt-get install python3-pytest"
	need_debugfs
	exec "$python" -m pytest pytests "$@"
}

command=$1
shift
"$command" "$@"
