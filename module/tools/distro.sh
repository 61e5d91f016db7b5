# shellcheck shell=sh
# What packages are called on this machine's distribution, and how one is
# installed. Sourced after lib.sh.

# The family of distributions that this machine's is of; nothing if none is known.
family()
{
	(
		ID='' ID_LIKE=''
		# shellcheck source=/dev/null # a file of assignments for the shell
		[ ! -r "${root:-}/etc/os-release" ] || . "${root:-}/etc/os-release"
		for id in $ID $ID_LIKE; do
			case $id in
			debian | ubuntu | raspbian | devuan) echo debian ;;
			fedora | rhel | centos) echo fedora ;;
			suse | opensuse*) echo suse ;;
			arch | archlinux) echo arch ;;
			alpine | nixos | gentoo) echo "$id" ;;
			*) continue ;;
			esac
			break
		done
	)
}

# install_packages PACKAGE...: the command that installs them
install_packages()
{
	case $(family) in
	debian) echo "apt-get install $*" ;;
	fedora) echo "dnf install $*" ;;
	suse) echo "zypper install $*" ;;
	arch) echo "pacman -S $*" ;;
	alpine) echo "apk add $*" ;;
	nixos) echo "nix-shell -p $*" ;;
	gentoo) echo "emerge $*" ;;
	*) echo "install $*" ;;
	esac
}

# The package of an Arch kernel: each kernel has its own.
arch_kernel()
{
	if [ -r "${root:-}/lib/modules/$1/pkgbase" ]; then
		cat "${root:-}/lib/modules/$1/pkgbase"
		return
	fi
	case ${1##*-} in
	lts | zen | hardened | rt) echo "linux-${1##*-}" ;;
	*) echo linux ;;
	esac
}

# headers_of RELEASE: what makes the headers of a kernel be there
headers_of()
{
	case $(family) in
	debian) install_packages "linux-headers-$1" ;;
	fedora) install_packages "kernel-devel-$1" ;;
	suse) install_packages "kernel-${1##*-}-devel" ;;
	arch) install_packages "$(arch_kernel "$1")-headers" ;;
	alpine) install_packages "linux-${1##*-}-dev" ;;
	nixos)
		# shellcheck disable=SC2016 # for the user's shell
		echo 'give KDIR="$(nix-build "<nixpkgs>" --no-out-link -A linuxPackages.kernel.dev)"'"/lib/modules/$1/build," \
			"of the linuxPackages that your configuration names"
		;;
	gentoo) echo "configure and build the kernel in /usr/src/linux, and give KDIR=/usr/src/linux" ;;
	*) echo "install the package of your distribution that has them, or give their folder as KDIR" ;;
	esac
}

# compiler_packages gcc|clang MAJOR ARCH: the command that installs the compiler
compiler_packages()
{
	case $1-$(family) in
	gcc-debian)
		case $3-$(uname -m) in
		arm64-aarch64 | x86_64-x86_64) install_packages "gcc-$2" ;;
		arm64-*) install_packages "gcc-$2-aarch64-linux-gnu" ;;
		x86_64-*) install_packages "gcc-$2-x86-64-linux-gnu" ;;
		esac
		;;
	gcc-*) install_packages gcc ;;
	clang-debian) install_packages "clang-$2 lld-$2 llvm-$2" ;;
	clang-*) install_packages clang lld llvm ;;
	esac
}
