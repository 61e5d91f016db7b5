#!/bin/sh
# Asked before anything is built for a command that needs root.
# shellcheck source=module/tools/lib.sh
. "${0%/*}/lib.sh"

need_root
