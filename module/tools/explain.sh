#!/bin/sh
# explain.sh KDIR ERRORS VARIABLE=VALUE...: kbuild has failed with these errors
# (a file). Say what to do about those that do not speak for themselves, and fail.
# shellcheck source=module/tools/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=module/tools/distro.sh
. "${0%/*}/distro.sh"

kdir=$1 errors=$2
shift 2
config=$kdir/include/config/auto.conf

compiler=gcc
for word; do
	case $word in
	CC=*) compiler=${word#CC=} ;;
	esac
done

# The symbols that the kernel does not have for modules, in one line.
undefined=$(sed -n 's/.*"\([^"]*\)" \[[^]]*\] undefined!$/\1/p' "$errors" | sort -u | tr '\n' ' ')
undefined=${undefined% }
if [ -n "$undefined" ]; then
	if [ ! -e "$kdir/Module.symvers" ]; then
		die "KDIR=$kdir has no Module.symvers: the kernel has to be built there, not only prepared"
	elif grep -q '^CONFIG_TRIM_UNUSED_KSYMS=y' "$config"; then
		die "the kernel of KDIR was built with CONFIG_TRIM_UNUSED_KSYMS: it has dropped $undefined, which none of its own modules uses: build it without that option"
	fi
	die "the kernel of KDIR does not export $undefined: the module cannot be loaded into it"
fi

if grep -qE 'pahole: (command )?not found' "$errors"; then
	case $(family) in
	fedora | suse) package=dwarves ;;
	*) package=pahole ;;
	esac
	die "no pahole, which makes the module's BTF: $(install_packages $package)"
fi
if grep -qE 'fixdep: (not found|No such file|.*cannot execute|.*Exec format error)' "$errors"; then
	die "the programs of the headers in KDIR=$kdir do not run on this machine: they are for another one"
fi

# shellcheck disable=SC2086 # it may be a wrapper and a compiler
used=$($compiler --version 2> /dev/null | head -n 1)
built_by=$(sed -n 's/^CONFIG_CC_VERSION_TEXT="\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' "$config")
# They may be called by other names.
if [ "${used#* }" != "${built_by#* }" ]; then
	say "the kernel of KDIR was built by $built_by" \
		"this build was tried with ${used:-$compiler, which is not there}" \
		"if that is why it failed: install the former and give its name as CC=" >&2
fi
exit 1
