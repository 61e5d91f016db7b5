#!/bin/sh
# Sign the module of the kernel $RELEASE that DKMS built, /srv/$RELEASE, in other
# ways as well, by the command that module/packaging/README.md gives. /srv has DKMS's key; what
# a guest is to try comes into /srv/signed.
set -eu

die()
{
	echo "FAILED: $*" >&2
	exit 1
}

# signed MODULE BY: BY is empty where there is no signature
signed()
{
	signer=$(modinfo -F signer "/srv/signed/$1")
	[ "$signer" = "$2" ] || die "$1 is signed by '$signer', not by '$2'"
}

# sign NAME KEY CERTIFICATE
sign()
{
	cp unsigned.ko "$1.ko"
	"/lib/modules/$RELEASE/build/scripts/sign-file" sha256 "$2" "$3" "$1.ko"
}

mkdir /srv/signed
cd /srv/signed
cp "/srv/$RELEASE"/memevents_hook.ko* .
xz -dc memevents_hook.ko.xz > dkms.ko
# what is behind the end of the ELF file goes
objcopy dkms.ko unsigned.ko
rm dkms.ko

openssl req -new -x509 -nodes -newkey rsa:2048 -subj "/CN=A stranger" \
	-keyout /tmp/stranger.key -outform DER -out /tmp/stranger.pub 2> /dev/null
sign stranger /tmp/stranger.key /tmp/stranger.pub
sign by_hand /srv/mok.key /srv/mok.pub

dkms_key=$(openssl x509 -inform DER -in /srv/mok.pub -noout -subject -nameopt multiline |
	sed -n 's/^ *commonName *= //p')
signed memevents_hook.ko.xz "$dkms_key"
signed by_hand.ko "$dkms_key"
signed stranger.ko "A stranger"
signed unsigned.ko ""

openssl x509 -inform DER -in /srv/mok.pub -out /srv/mok.pem
