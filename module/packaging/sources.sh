#!/bin/sh
# sources.sh FOLDER: copy what kbuild reads to build the module there, with its
# sub-folders. Run from the top of the source tree.
set -eu

mkdir -p "$1"
to=$(cd "$1" && pwd)
cd module
find . \( -name example -o -name litmus -o -name packaging -o -name tools \) -prune -o \
	-type f \( -name Kbuild -o -name '*.mk' -o -name '*.[ch]' \) ! -name '*.mod.c' -print |
	tar -cf - -T - | tar -xf - -C "$to"
