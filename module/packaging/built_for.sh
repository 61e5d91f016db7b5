#!/bin/sh
# built_for.sh RELEASE: is there a module to install, and was it built for this kernel?
# shellcheck source=module/tools/lib.sh
. "${0%/*}/../tools/lib.sh"

[ -e "$ko" ] || die "no $ko: run make first"
built=$(modinfo -F vermagic "$ko")
built=${built%% *}
[ "$built" = "$1" ] || die "$ko was built for $built, not for $1: make clean, then make, with this KDIR"
