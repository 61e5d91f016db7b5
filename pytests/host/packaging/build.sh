#!/bin/sh
# Build the package in a root that has Debian's build tools, see that nothing but
# build/ has changed by that, and have lintian look at the package. /mnt is the
# project, /srv takes the package.
set -eu

sources()
{
	find . -name build -prune -o -type f -exec sha256sum {} + | sort -k 2
}

mkdir /tmp/memevents_hook
cd /tmp/memevents_hook
cp -r /mnt/Makefile /mnt/module /mnt/README.md /mnt/debugfs_layout.md .
sources > /tmp/before
make deb
sources > /tmp/after
diff /tmp/before /tmp/after
lintian --allow-root --display-info --fail-on error,warning build/deb/*.changes
cp build/deb/*.deb /srv
