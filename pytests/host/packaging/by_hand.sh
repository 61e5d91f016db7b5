#!/bin/sh
# `make install`, `make uninstall` and `make dkms` in a root with the headers of
# the kernels $RELEASES. /mnt is the project.
set -eu

die()
{
	echo "FAILED: $*" >&2
	exit 1
}

# findable RELEASE: by modprobe, for it to load
findable()
{
	modprobe --set-version "$1" --show-depends memevents_hook | tee /dev/stderr |
		grep -q '^insmod .*/updates/.*memevents_hook\.ko' || die "modprobe does not find it"
	[ "$(modinfo -k "$1" -F version memevents_hook)" = "$VERSION" ] || die "modinfo"
}

cp -r /mnt/Makefile /mnt/module /mnt/pytests /tmp
cd /tmp

for release in $RELEASES; do
	echo "== make, make install for $release"
	KDIR=/usr/src/linux-headers-$release
	make KDIR="$KDIR" > make.log 2>&1 || { cat make.log; die "make"; }
	make KDIR="$KDIR" install
	findable "$release"
	make KDIR="$KDIR" uninstall
	if modinfo -k "$release" memevents_hook 2> /dev/null; then
		die "still there after uninstall"
	fi

	make KDIR="$KDIR" DESTDIR=/tmp/dest install
	find /tmp/dest -name 'memevents_hook.ko*' | grep . || die "nothing in DESTDIR"
	grep memevents_hook /tmp/dest/lib/modules/"$release"/modules.dep || die "no depmod in DESTDIR"
	make KDIR="$KDIR" DESTDIR=/tmp/dest uninstall
	if find /tmp/dest -name 'memevents_hook.ko*' | grep .; then
		die "still in DESTDIR"
	fi
	make KDIR="$KDIR" clean > /dev/null
done

for release in $RELEASES; do
	echo "== make dkms for $release"
	make KDIR="/usr/src/linux-headers-$release" dkms
done
for release in $RELEASES; do
	dkms status -m memevents-hook -k "$release" | tee /dev/stderr | grep -q ': installed$' ||
		die "not installed for $release"
	findable "$release"
done
make KDIR="/usr/src/linux-headers-$release" dkms-remove
[ -z "$(dkms status -m memevents-hook)" ] || die "dkms still has it"
for folder in /usr/src/memevents-hook-* /var/lib/dkms/memevents-hook; do
	[ ! -e "$folder" ] || die "$folder is still there"
done
for release in $RELEASES; do
	if modinfo -k "$release" memevents_hook 2> /dev/null; then
		die "the module for $release is still there"
	fi
done
