#!/bin/sh
# may_install.sh RELEASE PATH: is there a module to install, was it built for this
# kernel, and does kbuild take the path that stands before the installation's?
# shellcheck source=module/tools/lib.sh
. "${0%/*}/../tools/lib.sh"

case $2 in
*[[:space:]]*) die "a blank in DESTDIR=$2: kbuild does not install there" ;;
esac
[ -e "$ko" ] || die "no $ko: run make first"
built=$(modinfo -F vermagic "$ko")
built=${built%% *}
[ "$built" = "$1" ] || die "$ko was built for $built, not for $1: make clean, then make, with this KDIR"
