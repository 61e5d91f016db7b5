#!/bin/sh
# Install the package in a root with the headers of the kernels $RELEASES, look
# whether DKMS built the module for each, remove it, install it again, purge it.
# /srv has the package.
set -eu

die()
{
	echo "FAILED: $*" >&2
	exit 1
}

# Every file but what apt, dpkg and logs keep about the past.
files()
{
	find / -xdev \( -path /proc -o -path /dev -o -path /tmp -o -path /srv -o -path /mnt \
		-o -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/cache \
		-o -path /var/log \) -prune -o -print | sort
}

installed()
{
	for release in $RELEASES; do
		dkms status -m memevents-hook -k "$release" | tee /dev/stderr |
			grep -q ': installed$' || die "not installed for $release"
		found=$(modinfo -k "$release" -F version memevents_hook)
		[ "$found" = "$VERSION" ] || die "version $found for $release"
	done
}

absent()
{
	[ -z "$(dkms status -m memevents-hook)" ] || die "dkms still has it"
	for release in $RELEASES; do
		if modinfo -k "$release" memevents_hook 2> /dev/null; then
			die "the module for $release is still there"
		fi
	done
}

export DEBIAN_FRONTEND=noninteractive
dkms generate_mok > /dev/null
# DKMS takes a kernel that has no module of its own for one that is gone, and
# drops its lists.
for release in $RELEASES; do
	mkdir -p "/lib/modules/$release/kernel"
	ld -r -b binary -o "/lib/modules/$release/kernel/other.ko" /etc/debian_version
	depmod "$release"
done
files > /tmp/before

echo "== install"
apt-get -q -y install /srv/*.deb
installed
for release in $RELEASES; do
	mkdir -p "/srv/$release"
	cp "$(modinfo -k "$release" -F filename memevents_hook)" "/srv/$release"
	modinfo -k "$release" memevents_hook
done
cp /var/lib/dkms/mok.key /var/lib/dkms/mok.pub /srv

echo "== remove"
apt-get -q -y remove memevents-hook-dkms
absent

echo "== install again, purge"
apt-get -q -y install /srv/*.deb
installed
apt-get -q -y purge memevents-hook-dkms
absent
files > /tmp/after
diff /tmp/before /tmp/after || die "files came or went"
echo "== nothing left behind"
