#!/bin/sh
# Install what the harness needs on this machine: nothing but a Debian with a
# package mirror configured is taken for granted. Quick and silent when
# everything is there. Needs root, or sudo.
set -eu

# command:package, each that is run outside of the roots that are made
needs='
python3:python3
mmdebstrap:mmdebstrap
bsdtar:libarchive-tools
qemu-system-x86_64:qemu-system-x86
qemu-system-aarch64:qemu-system-arm
chroot:coreutils
mount:mount
setpriv:util-linux
unshare:util-linux
tar:tar
xz:xz-utils
zstd:zstd
'

die()
{
	echo "setup: $*" >&2
	exit 1
}

as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo > /dev/null; then
		sudo "$@"
	else
		die "not root, and there is no sudo: run as root: $*"
	fi
}

# apt knows where its sources come from only once it has fetched their indexes.
knows_archive()
{
	apt-get indextargets 'Created-By: Packages' 2> /dev/null | grep -q '^Origin: Debian'
}

command -v apt-get > /dev/null || die "this is no Debian: there is no apt-get"

missing=
for need in $needs; do
	command -v "${need%%:*}" > /dev/null || missing="$missing ${need#*:}"
done
[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] ||
	missing="$missing debian-archive-keyring"

if [ -n "$missing" ] || ! knows_archive; then
	as_root apt-get -q update
fi
if [ -n "$missing" ]; then
	echo "setup: installing$missing"
	# shellcheck disable=SC2086 # a list of words
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get -q -y -o DPkg::Lock::Timeout=600 --no-install-recommends install $missing
fi
knows_archive ||
	die "apt's sources name no mirror of the Debian archive: add one to /etc/apt/sources.list.d"
