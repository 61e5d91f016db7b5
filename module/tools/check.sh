#!/bin/sh
# check.sh PYTHON PYTEST-OPTIONS...: run the test suite on this machine.
# shellcheck source=module/tools/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=module/tools/distro.sh
. "${0%/*}/distro.sh"

python=$1
shift
need_root
case $(family) in
arch) pytest="python-pytest" ;;
alpine) pytest="py3-pytest" ;;
*) pytest=python3-pytest ;;
esac
command -v "$python" > /dev/null || die "no $python: $(install_packages python3 $pytest)"
"$python" -c 'import pytest' 2> /dev/null || die "no pytest: $(install_packages $pytest)"
"$python" -c 'import sys; sys.exit(sys.maxsize < 1 << 32)' ||
	die "$python is a 32-bit program: the tests make the system calls of the 64-bit kernel themselves; give a 64-bit one as PYTHON="
need_debugfs
exec "$python" -m pytest pytests "$@"
