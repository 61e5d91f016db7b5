#!/bin/sh
# What people have in the place of this machine, to run guests on: a fresh Debian
# root, one that calls itself Ubuntu and has no source of Debian's, without a
# program that is needed, with a home that nobody may write to. Guests are not
# run, so QEMU is played. /mnt is the project, $MIRROR Debian's archive.
set -eu

die()
{
	echo "FAILED: $*" >&2
	exit 1
}

mkdir /tmp/project
cp -r /mnt/Makefile /mnt/module /mnt/pytests /tmp/project
cd /tmp/project
for arch in x86_64 aarch64; do
	ln -s /usr/bin/true "/usr/bin/qemu-system-$arch"
done
archive=$MIRROR
unset MIRROR

# The kernel's release is looked up in the archive, with the sources and the keys
# of this machine.
kernels_are_found()
{
	make kernels KERNELS=6.12 "$@" | tee /dev/stderr | grep -q '^6.12 .*-amd64 .*gcc-14' ||
		die "no kernel is found"
	rm -rf .cache
}

echo "== Debian, without mount"
dpkg --purge mount
apt-get -q update
make setup
command -v mount || die "mount is still missing"
kernels_are_found

echo "== a home that nobody may write to"
mount -t tmpfs -o ro tmpfs /root
kernels_are_found
umount /root

echo "== Ubuntu"
printf '%s\n' ID=ubuntu ID_LIKE=debian > /etc/os-release
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /var/lib/apt/lists/*
if make setup > log 2>&1; then
	cat log
	die "setup does not ask for MIRROR"
fi
cat log
grep -q 'give one as MIRROR=' log || die "setup does not name MIRROR"
kernels_are_found "MIRROR=$archive"
[ -z "$(ls -A /etc/apt/sources.list.d)" ] || die "sources came"

echo "== a container: root may not mount"
if setpriv --bounding-set -sys_admin make setup "MIRROR=$archive" > log 2>&1; then
	die "setup is content"
fi
cat log
grep -q -e '--privileged' log || die "setup does not say what to do"
