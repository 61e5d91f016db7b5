#!/bin/sh
# need.sh COMMAND PACKAGE...: is the command there? The packages are those that have it.
# shellcheck source=module/tools/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=module/tools/distro.sh
. "${0%/*}/distro.sh"

needed=$1
shift
command -v "$needed" > /dev/null || die "no $needed: $(install_packages "$@")"
