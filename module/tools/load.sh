#!/bin/sh
# load.sh PARAMETERS...: insmod. ONLY in the environment is the parameter only=.
# A refusal names its cause; of the kernel's log it shows the lines of this load.
# shellcheck source=module/tools/lib.sh
. "${0%/*}/lib.sh"

# The kernel's log, if it may be read.
kernel_log()
{
	dmesg 2> /dev/null || :
}

# since LINE: what standard input has after its last LINE; nothing where LINE is
# not there, because the log has run over it.
since()
{
	before=$1 awk '
		{ line[NR] = $0 }
		$0 == ENVIRON["before"] { mark = NR }
		END {
			if (!mark && ENVIRON["before"] != "")
				exit
			for (n = mark + 1; n <= NR; n++)
				print line[n]
		}'
}

# may_load_modules: by its capabilities, as a container may not
may_load_modules()
{
	effective=$(sed -n 's/^CapEff:[[:space:]]*//p' "$root/proc/self/status")
	# CAP_SYS_MODULE is bit 16
	case $effective in
	*[13579bdf]????) ;;
	*) return 1 ;;
	esac
}

signing="module/packaging/README.md tells how to sign it"

# why REFUSAL LINES-OF-THE-LOG
why()
{
	case $2 in
	*"failed to validate module [$name] BTF"*)
		die "its BTF is of another kernel than the running one: KDIR has the vmlinux of another build" \
			"build it where the running kernel was built, or: objcopy --remove-section=.BTF $ko" ;;
	*"Unknown symbol"*)
		die "the running kernel does not have the symbols that the lines above name: it was built without them (CONFIG_TRIM_UNUSED_KSYMS), or KDIR is another kernel's" ;;
	esac
	# insmod is kmod's or busybox's: they do not agree about capitals
	case $1 in
	*"nvalid module format"* | *"wrong symbol version"* | *"Exec format error"*)
		die "built for another kernel: make clean, then make load" ;;
	*"peration not supported"*)
		die "this kernel lacks what the hook, or a parent that was given, needs: the lines above, or dmesg, say what" ;;
	*"Key was rejected"* | *"Required key"*)
		die "this kernel loads only modules that are signed by a key it trusts: $signing" ;;
	*"peration not permitted"*)
		# the module itself refuses a scope from within a cgroup namespace
		! printf '%s\n' "$2" | grep "$name: " | grep -qv taint ||
			die "not loaded: the lines above say why"
		case $2$(cat "$root/sys/kernel/security/lockdown" 2> /dev/null) in
		*"Lockdown: "* | *"[integrity]"* | *"[confidentiality]"*)
			die "the kernel is locked down (Secure Boot does it) and loads only signed modules: $signing" ;;
		esac
		die "a security module of this kernel refused it: the lines above, or dmesg, say which" ;;
	*"unction not implemented"*)
		die "this kernel was built without loadable modules" ;;
	*"File exists"*)
		die "another module of this name is in the kernel: lsmod" ;;
	esac
	die "not loaded: the lines above, or dmesg, say why"
}

need_root
# Asked first: the kernel says the same word about both, and nothing in its log.
if [ "$(cat "$root/proc/sys/kernel/modules_disabled" 2> /dev/null)" = 1 ]; then
	die "kernel.modules_disabled is 1: no module can be loaded until the next boot"
fi
may_load_modules ||
	die "root has no CAP_SYS_MODULE here: this is a container; load the module on its host"
need_debugfs
! loaded || die "loaded already: make unload first, or use what is in $tree"

# The kernel reads a quote within the value as its end, and a later blank as the parameter's.
# It takes bytes above 127 for blanks, too.
case ${ONLY:-} in
*\"*[![:graph:]]*)
	die "a quote, and behind it a blank or a byte that is not ASCII, cannot be given at load" \
		"make load PARAMS=enabled=N, write the path to $tree/only, and 1 to $tree/enabled" ;;
esac
if [ -n "${ONLY:-}" ]; then
	set -- "$@" "only=\"$ONLY\""
fi
last=$(kernel_log | tail -n 1)
if refused=$(LC_ALL=C insmod "$ko" "$@" 2>&1); then
	say "loaded; its switches and counters: $tree"
	exit
fi
lines=$(kernel_log | since "$last" | grep -E "$name|Lockdown: |Loading of |BPF" || :)
printf '%s\n' "$refused" ${lines:+"$lines"} >&2
why "$refused" "$lines"
