#!/bin/sh
# Print the counters.
# shellcheck source=module/tools/lib.sh
. "${0%/*}/lib.sh"

need_loaded
cat "$root$tree/stats"
