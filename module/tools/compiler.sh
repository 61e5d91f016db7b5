#!/bin/sh
# compiler.sh KDIR VARIABLE=VALUE...: print the variables, a line each, by which
# make builds with the compiler that the kernel of KDIR was built with, and for
# its architecture. A module has the kernel's options, which other compilers, and
# older ones, do not know. A CC or an LLVM that is given is not looked for.
#
# The environment may have ARCH, CROSS_COMPILE and LLVM of another build: only a
# CROSS_COMPILE that is for this architecture is taken.
# shellcheck source=module/tools/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=module/tools/distro.sh
. "${0%/*}/distro.sh"

config=$1/include/config/auto.conf
shift
given=
for word; do
	case $word in
	CC=*) given=${word#CC=} ;;
	LLVM=?*) given=clang ;;
	esac
done

# option NAME: its value in the kernel's configuration; nothing if it is not set
option()
{
	sed -n "s/^CONFIG_$1=\"\{0,1\}\([^\"]*\)\"\{0,1\}\$/\1/p" "$config"
}

there()
{
	command -v "$1" > /dev/null
}

# makes_code COMPILER: for the kernel's architecture?
makes_code()
{
	there "$1" || return
	case $arch-$("$1" -dumpmachine) in
	x86_64-x86_64-* | x86_64-i?86-*) "$1" -m64 -x c -S -o /dev/null /dev/null 2> /dev/null ;;
	arm64-aarch64-*) ;;
	*) return 1 ;;
	esac
}

# The gcc to build with: the kernel's own by its name, else of its version, else any.
find_gcc()
{
	for found in "${text%% *}" \
		"${CROSS_COMPILE:-}gcc-$major" "gcc-$major" "${triplet}gcc-$major" \
		"${CROSS_COMPILE:-}gcc" gcc "${triplet}gcc"; do
		if makes_code "$found"; then
			echo "$found"
			return
		fi
	done
	die "no compiler for $arch: the kernel of KDIR was built by $text: $(compiler_packages gcc "$major" "$arch")"
}

# binutils COMPILER: what stands before the names of the binutils for its code
binutils()
{
	for prefix in "${1%gcc*}" "${CROSS_COMPILE:-}" "$triplet" ""; do
		if there "${prefix}ld" && there "${prefix}objcopy"; then
			echo "$prefix"
			return
		fi
	done
	die "no linker: $(install_packages binutils)"
}

# tool NAME: of LLVM's, of the kernel's version if it is there
tool()
{
	if there "$1-$major"; then
		echo "$1-$major"
	else
		echo "$1"
	fi
}

# need_llvm NAME...
need_llvm()
{
	for needed; do
		there "$(tool "$needed")" ||
			die "no $needed: the kernel of KDIR was built by $text: $(compiler_packages clang "$major" "$arch")"
	done
}

if [ -n "$(option X86_64)" ]; then
	arch=x86_64 triplet=x86_64-linux-gnu-
elif [ -n "$(option ARM64)" ]; then
	arch=arm64 triplet=aarch64-linux-gnu-
else
	die "the kernel of KDIR is neither for x86_64 nor for arm64: the hook knows no other"
fi
text=$(option CC_VERSION_TEXT)
makes_code "${CROSS_COMPILE:-}gcc" || CROSS_COMPILE=

echo "ARCH=$arch"
if [ -n "$given" ]; then
	prefix=$(binutils "$given")
	echo "CROSS_COMPILE=$prefix"
elif [ -z "$(option CC_IS_CLANG)" ]; then
	major=$(($(option GCC_VERSION) / 10000))
	compiler=$(find_gcc)
	prefix=$(binutils "$compiler")
	printf '%s\n' "LLVM=" "CC=$compiler" "CROSS_COMPILE=$prefix"
else
	major=$(($(option CLANG_VERSION) / 10000))
	need_llvm clang
	echo "CC=$(tool clang)"
	if [ -n "$(option AS_IS_LLVM)" ]; then
		echo "LLVM_IAS=1"
	else
		echo "LLVM_IAS=0"
	fi
	if [ -n "$(option LD_IS_LLD)" ]; then
		need_llvm ld.lld llvm-objcopy
		printf '%s\n' "CROSS_COMPILE=" "LLVM=1" "LD=$(tool ld.lld)"
		for pair in AR=ar NM=nm OBJCOPY=objcopy OBJDUMP=objdump READELF=readelf STRIP=strip; do
			echo "${pair%=*}=$(tool "llvm-${pair#*=}")"
		done
	else
		prefix=$(binutils clang)
		printf '%s\n' "LLVM=" "CROSS_COMPILE=$prefix"
	fi
fi
