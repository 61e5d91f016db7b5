#!/bin/sh
# rmmod.
# shellcheck source=module/tools/lib.sh
. "${0%/*}/lib.sh"

need_root
loaded || die "not loaded"
# The kernel warns where a module goes while a trigger keeps the probe of its event.
for file in "$root/sys/kernel/tracing/events/$name"/*/trigger \
	"$root"/sys/kernel/tracing/instances/*/"events/$name"/*/trigger \
	"$root$debugfs/tracing/events/$name"/*/trigger \
	"$root$debugfs"/tracing/instances/*/"events/$name"/*/trigger; do
	! grep -qsv '^#' "$file" || die "a trigger stands on the event: remove it first: $file"
done
rmmod "$name" || die "a file in $tree is open, or something else holds the module: lsmod"
say "unloaded"
