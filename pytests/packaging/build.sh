#!/bin/sh
# Build the package in a root that has Debian's build tools, and have lintian
# look at it. /mnt is the project, /srv takes the package.
set -eu

cp -r /mnt/Makefile /mnt/module /mnt/pytests/local.sh /mnt/README.md /mnt/debugfs_layout.md /tmp
mkdir /tmp/pytests
mv /tmp/local.sh /tmp/pytests
cd /tmp
make deb
lintian --allow-root --display-info --fail-on error,warning build/deb/*.changes
cp build/deb/*.deb /srv
