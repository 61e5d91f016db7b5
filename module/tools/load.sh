#!/bin/sh
# load.sh PARAMETERS...: insmod.
# shellcheck source=module/tools/lib.sh
. "${0%/*}/lib.sh"

need_root
need_debugfs
! loaded || die "loaded already: make unload first, or use what is in $tree"
if refused=$(insmod "$ko" "$@" 2>&1); then
	say "loaded; its switches and counters: $tree"
	exit
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
