#!/bin/sh
# check.sh PYTHON PYTEST-OPTIONS...: run the test suite on this machine.
# shellcheck source=module/tools/lib.sh
. "${0%/*}/lib.sh"

python=$1
shift
need_root
command -v "$python" > /dev/null || die "no $python: apt-get install python3 python3-pytest"
"$python" -c 'import pytest' 2> /dev/null || die "no pytest: apt-get install python3-pytest"
need_debugfs
exec "$python" -m pytest pytests "$@"
