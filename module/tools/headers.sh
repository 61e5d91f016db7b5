#!/bin/sh
# headers.sh KDIR: are there kernel headers to build with?
# shellcheck source=module/tools/lib.sh
. "${0%/*}/lib.sh"

[ ! -e "$1/Makefile" ] || exit 0
# /lib/modules/RELEASE/build or /usr/src/linux-headers-RELEASE
release=${1%/}
release=${release%/build}
release=${release##*/}
release=${release#linux-headers-}
case $release in
[0-9]*) ;;
*) release=$(uname -r) ;;
esac
die "no kernel headers at KDIR=$1: apt-get install linux-headers-$release"
