#!/bin/sh
# rmmod.
# shellcheck source=module/tools/lib.sh
. "${0%/*}/lib.sh"

need_root
loaded || die "not loaded"
rmmod "$name" || die "a file in $tree is open, or something else holds the module: lsmod"
say "unloaded"
