#!/bin/sh
# DKMS leaves out what compat.h would refuse: kernels of older versions, or of
# other configurations, here the headers of $RELEASE changed accordingly. $VERSION
# is the module's; /mnt is the project.
set -eu

die()
{
	echo "FAILED: $*" >&2
	exit 1
}

cp -r /mnt/Makefile /mnt/module /mnt/pytests /tmp
cd /tmp

# directive NAME: DKMS reads them as bash does
directive()
{
	bash -c '. module/packaging/dkms.conf && echo "${!1}"' bash "$1"
}

headers=/usr/src/linux-headers-$RELEASE
changed=/tmp/headers

# dkms_for RELEASE [DKMS'S OPTIONS...]: build it for the changed headers
dkms_for()
{
	kernel=$1
	shift
	dkms build -m memevents-hook -v "$VERSION" -k "$kernel" --kernelsourcedir "$changed" "$@"
}

# left_out RELEASE [DKMS'S OPTIONS...]
left_out()
{
	code=0
	dkms_for "$@" > log 2>&1 || code=$?
	if [ "$code" != 77 ] || ! grep -q BUILD_EXCLUSIVE log; then
		cat log
		die "not left out: $*: exit code $code"
	fi
	[ "$(dkms status -m memevents-hook)" = "memevents-hook/$VERSION: added" ] ||
		die "something was built"
	echo "left out: $*"
}

# The VERSION.PATCHLEVEL below which compat.h refuses.
lowest()
{
	grep -B 1 '^#error' module/engine/compat.h |
		sed -n "s/.*LINUX_VERSION_CODE < KERNEL_VERSION(\([0-9]*\), \([0-9]*\), 0)\$/\1.\2/p"
}

# The options without which a source refuses, as "#ifndef CONFIG_X" and "#error".
refused()
{
	grep -rh -B 1 --include='*.[ch]' '^#error' module | sed -n 's/^#ifndef \(CONFIG_[A-Z_]*\)$/\1/p'
}

lowest=$(lowest)
below=${lowest%.*}.$((${lowest#*.} - 1))

cp -r "$headers" "$changed"
chmod -R u+w "$changed"
echo "== make dkms where an option is missing"
sed -i '/^CONFIG_MEMCG=/d' "$changed/include/config/auto.conf"
if make KDIR="$changed" dkms > log 2>&1; then
	die "make dkms succeeded"
fi
grep BUILD_EXCLUSIVE log || { cat log; die "make dkms does not say why"; }

echo "== configurations"
refused > options
grep -q MEMCG options || die "no options are found in the sources"
for option in $( (directive BUILD_EXCLUSIVE_CONFIG | tr ' ' '\n'; cat options) | sort -u); do
	cp "$headers/include/config/auto.conf" "$changed/include/config"
	sed -i "/^$option=/d" "$changed/include/config/auto.conf"
	! cmp -s "$headers/include/config/auto.conf" "$changed/include/config/auto.conf" ||
		die "$option was not set"
	echo "without $option:"
	left_out "$RELEASE"
done
cp "$headers/include/config/auto.conf" "$changed/include/config"

echo "== versions from $lowest on, architectures"
for number in 4.19 5.1 "$below"; do
	left_out "$number.0-1-amd64"
	left_out "$number.12+deb99-amd64"
done
left_out "$RELEASE" -a i686
for number in "$lowest" 5.19 6.0 6.19 7.0 7.10 8.0 10.0 10.10; do
	echo "$number.0-1-amd64" | grep -qE "$(directive BUILD_EXCLUSIVE_KERNEL)" ||
		die "$number would be left out"
done

echo "== a kernel that is installed all the same"
dkms autoinstall -k "$below.0-1-amd64" --kernelsourcedir "$changed" | tee log
grep -q "was skipped for module(s) memevents-hook" log || die "autoinstall does not skip it"

echo "== the headers as they are"
dkms_for "$RELEASE"
