#!/bin/sh
# setup.sh PACKAGE...: install what the harness needs on this machine, and these
# packages: nothing but a Debian, or a distribution made from it, is taken for
# granted. Quick and silent when everything is there. Needs root, or sudo.
#
# Debian's archive is where apt's sources say, or MIRROR.
set -eu

die()
{
	for line; do
		echo "setup: $line" >&2
	done
	exit 1
}

command -v apt-get > /dev/null || die "there is no apt-get: this is no Debian, nor made from it"

# command:package, each that is run outside of the roots that are made
needs='
python3:python3
git:git
mmdebstrap:mmdebstrap
bsdtar:libarchive-tools
qemu-system-aarch64:qemu-system-arm
chroot:coreutils
mount:mount
setpriv:util-linux
unshare:util-linux
tar:tar
xz:xz-utils
zstd:zstd
'
keyring=${MEMEVENTS_ROOT:-}/usr/share/keyrings/debian-archive-keyring.gpg

case $(dpkg --print-architecture) in
amd64) needs="$needs qemu-system-x86_64:qemu-system-x86" ;;
arm64) ;;
*) die "guests are run on amd64 and on arm64 machines" ;;
esac

# sudo drops the environment, and what apt is told on its command line is logged:
# so the proxies that the environment names are in a file.
settings=$(mktemp)
trap 'rm -f "$settings"' EXIT
for scheme in http https; do
	eval "proxy=\${${scheme}_proxy:-}"
	[ -z "$proxy" ] || apt-config dump "Acquire::$scheme::Proxy" | grep -q '::Proxy "[^"]' ||
		echo "Acquire::$scheme::Proxy \"$proxy\";" >> "$settings"
done

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

# apt-get OPTION-OR-COMMAND...
apt()
{
	as_root env DEBIAN_FRONTEND=noninteractive APT_CONFIG="$settings" \
		apt-get -q -y -o DPkg::Lock::Timeout=600 "$@"
}

# apt knows where its sources come from only once it has fetched their indexes.
knows_archive()
{
	[ -n "${MIRROR:-}" ] ||
		apt-get indextargets 'Created-By: Packages' 2> /dev/null | grep -q '^Origin: Debian$'
}

missing=${*:+ $*}
for need in $needs; do
	command -v "${need%%:*}" > /dev/null || missing="$missing ${need#*:}"
done
[ -e "$keyring" ] || missing="$missing debian-archive-keyring"
case ${MIRROR:-} in
https:*) [ -e "${MEMEVENTS_ROOT:-}/etc/ssl/certs/ca-certificates.crt" ] || missing="$missing ca-certificates" ;;
esac

if [ -n "$missing" ] || ! knows_archive; then
	apt update
fi
if [ -n "$missing" ]; then
	echo "setup: installing$missing"
	# shellcheck disable=SC2086 # a list of words
	apt --no-install-recommends install $missing ||
		die "apt has not installed$missing: on Ubuntu they are in universe (add-apt-repository universe)"
fi
[ -e "$keyring" ] ||
	die "no $keyring: install debian-archive-keyring from Debian's archive"
knows_archive ||
	die "apt's sources name no mirror of the Debian archive: give one as MIRROR=, as https://deb.debian.org/debian is"

# This asks for the password, if one is needed: nothing later does.
as_root true
as_root unshare --mount --propagation unchanged --pid --fork --mount-proc true 2> /dev/null ||
	die "root may not mount here: a container takes --privileged, or --cap-add SYS_ADMIN --security-opt apparmor=unconfined"
