#!/bin/sh
# kbuild.sh KDIR TARGET FOLDERS VARIABLE=VALUE...: run kbuild's TARGET in KDIR for
# the modules of each of the folders (one word, divided by blanks). The variables
# are those that the user gave to make; what the environment says about another
# build (O= trees, compilers) is left out. MAKE is the make to run.
# shellcheck source=module/tools/lib.sh
. "${0%/*}/lib.sh"

kdir=$1 target=$2 folders=$3
shift 3
# Where kbuild would look for, or put, another kernel's objects.
unset KBUILD_OUTPUT KBUILD_EXTMOD ARCH LLVM LLVM_IAS

sh "${0%/*}/headers.sh" "$kdir"
case $(pwd -P) in
*[[:space:]:%]*)
	die "a blank, a colon or a percent sign in the path of $PWD: kbuild does not build there: move the sources" ;;
esac

log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT
trap 'exit 130' INT TERM

# kbuild's and the compiler's errors are on both: the terminal and the log.
# What kbuild prints on standard output stays there.
run()
{
	{
		{
			code=0
			"${MAKE:-make}" -C "$kdir" M="$PWD/$folder" "$@" "$target" || code=$?
			echo "$code" > "$log/code"
		} 2>&1 >&3 | tee "$log/errors" >&2
	} 3>&1
	return "$(cat "$log/code")"
}

if [ "$target" = modules ]; then
	# A word a line; none of those that are found has a blank.
	found=$(sh "${0%/*}/compiler.sh" "$kdir" "$@")
	for word in $found; do
		# Those that the user gave come last: they win.
		set -- "$word" "$@"
	done
fi
for folder in $folders; do
	run "$@" || {
		[ "$target" = modules ] || exit 1
		sh "${0%/*}/explain.sh" "$kdir" "$log/errors" "$@"
	}
done
