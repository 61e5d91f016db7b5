#!/bin/sh
# headers.sh KDIR: can a module be built with what is in KDIR? Where not, say
# what to do on this machine.
# shellcheck source=module/tools/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=module/tools/distro.sh
. "${0%/*}/distro.sh"

kdir=${1%/}
running=$(uname -r)

# The release that KDIR is named for: /lib/modules/RELEASE/build,
# /usr/src/linux-headers-RELEASE, /usr/src/kernels/RELEASE. Nothing elsewhere.
release_of_kdir()
{
	release=${kdir%/build}
	release=${release##*/}
	release=${release#linux-headers-}
	case $release in
	[0-9]*.[0-9]*) echo "$release" ;;
	esac
}

# A kernel that is installed and newer than the running one; nothing if there is none.
newer()
{
	newest=$(for folder in "$root"/lib/modules/[0-9]*; do
		[ ! -d "$folder" ] || echo "${folder##*/}"
	done | sort -V | tail -n 1)
	[ "$(printf '%s\n' "$running" "$newest" | sort -V | tail -n 1)" = "$running" ] || echo "$newest"
}

# The running kernel's headers are not there.
no_headers_running()
{
	missing="no headers of the running kernel, $running"
	case $running in
	*[Mm]icrosoft*)
		die "$missing: WSL has no package of them" \
			"build github.com/microsoft/WSL2-Linux-Kernel, tag linux-msft-wsl-${running%%-*}, and give its folder as KDIR" ;;
	esac
	if [ -z "$(newer)" ]; then
		if [ -d "$root/lib/modules/$running" ]; then
			die "$missing: $(headers_of "$running")"
		fi
		die "$missing: $(headers_of "$running")" \
			"in a container, which runs its host's kernel: mount the host's /lib/modules and /usr/src into it"
	elif [ ! -d "$root/lib/modules/$running" ]; then
		die "$missing, nor its modules: it was updated to $(newer) and the machine was not rebooted" \
			"reboot, then make again"
	fi
	die "$missing: $(headers_of "$running")" \
		"if that is no longer to be had: the kernel was updated to $(newer): reboot, then make again"
}

if [ ! -e "$kdir/Makefile" ]; then
	release=$(release_of_kdir)
	case $release in
	"") die "no kernel headers at KDIR=$kdir: there is no Makefile in it" ;;
	"$running") no_headers_running ;;
	esac
	die "no kernel headers at KDIR=$kdir: $(headers_of "$release")"
fi

case $(cd "$kdir" && pwd -P) in
*[[:space:]:]*)
	die "a blank or a colon in the path of KDIR=$kdir: kbuild does not take that: rename the folder" ;;
esac

if [ ! -e "$kdir/include/config/auto.conf" ]; then
	die "the kernel in KDIR=$kdir is not configured: build it there; if it was built with O=, give that folder as KDIR"
fi
