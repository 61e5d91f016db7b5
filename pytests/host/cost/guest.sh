#!/bin/sh
# The guest's side of the benchmark: sets one state after the other and measures a
# read in each. Prints lines of NAME VALUE... for the host (guest.py); what the
# names mean is in figures.py.
# usage: guest.sh costs|switching|memory|scaling
set -eu

hook=/sys/kernel/debug/memevents_hook
cgroup=/sys/fs/cgroup/bench
redirected=$cgroup/memory.events
observed=$cgroup/memory.events.local

# The range of a symbol of the kernel's, as two addresses: up to the next symbol.
range()
{
	sort /proc/kallsyms | awk -v name="$1" '
		found && $1 != start { print start, $1; exit }
		$3 == name { start = $1; found = 1 }'
}

# Wait until a state is reached, checked by a command: not for ever.
await()
{
	tries=600
	until "$@"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || { echo "waited in vain: $*" >&2; exit 1; }
		sleep 0.1
	done
}

# Is the CPU idle for a second? Idle time is in hundredths of one.
is_quiet()
{
	was_idle=$(awk '$1 == "cpu" { print $5 }' /proc/stat)
	sleep 1
	[ "$(awk '$1 == "cpu" { print $5 }' /proc/stat)" -ge $((was_idle + 98)) ]
}

# measure NAME: what a read of each file takes.
measure()
{
	echo "read $1 $(reader read $redirected) $(reader read $observed)"
}

load()
{
	insmod ./memevents_hook.ko "$@"
	echo > $hook/banner
}

unload()
{
	rmmod memevents_hook
}

# Functions that may be listed: any will do.
candidates()
{
	[ -s /tmp/candidates ] || awk '
		$2 == "t" && $3 ~ /^[a-z][a-z_0-9]+_show$/ { seen[$3]++ }
		END { for (name in seen) if (seen[name] == 1) print name }' /proc/kallsyms |
		sort > /tmp/candidates
}

# List parents until there are $1.
fill()
{
	candidates
	while read -r name; do
		[ "$(listed)" -lt "$1" ] || return 0
		echo "$name" > $hook/add_parent 2> /dev/null || true
	done < /tmp/candidates
	[ "$(listed)" -eq "$1" ]
}

listed()
{
	set -- $hook/parents/*
	[ -e "$1" ] || shift
	echo $#
}

# The reader stays in the root of the hierarchy: in another cgroup the kernel's own
# accounting adds to a read.
costs_of_a_scope()
{
	times=$hook/parents/memory_events_show/times
	mkdir $cgroup/empty
	echo /bench > $hook/only
	measure only
	echo /bench/empty > $hook/only
	measure only_out
	echo > $hook/only
	rmdir $cgroup/empty
	echo / > $hook/readers
	measure readers
	echo /bench > $hook/only
	measure only_readers
	echo > $hook/only
	echo > $hook/readers
	echo 2147483647 > $times
	measure times
	echo 0 > $times
	measure times_used_up
	echo -1 > $times
	measure unscoped
}

costs_of_the_module()
{
	load enabled=N
	measure disabled
	echo 1 > $hook/enabled
	measure hooked
	echo 1 > /sys/kernel/tracing/events/memevents_hook/memevents_route/enable
	measure traced
	echo 0 > /sys/kernel/tracing/events/memevents_hook/memevents_route/enable
	measure untraced
	echo 'This is from __memory_events_show_new' > $hook/banner
	measure banner
	echo > $hook/banner
	costs_of_a_scope
	echo memory_events_local_show > $hook/remove_parent
	measure unlisted
	echo memory_events_local_show > $hook/add_parent
	for parents in 16 64 256; do
		fill $parents
		measure parents_$parents
	done
	echo memory_events_local_show > $hook/remove_parent
	measure unlisted_255
	unload

	load redirect= observe=memory_events_local_show
	measure parents_1
	unload

	load redirect= observe=
	measure unlisted_0
	unload

	insmod ./no_trace.ko
	echo > $hook/banner
	measure no_trace
	echo memory_events_local_show > $hook/remove_parent
	measure no_trace_unlisted
	unload
}

# livepatched COMMAND...: run it while each call of the target gets a livepatch's function.
livepatched()
{
	if [ ! -e ./bench_livepatch.ko ]; then
		echo "left_out livepatch: the kernel has no CONFIG_LIVEPATCH"
		return 0
	fi
	patch=/sys/kernel/livepatch/bench_livepatch
	insmod ./bench_livepatch.ko
	await grep -q 0 $patch/transition
	"$@"
	echo 0 > $patch/enabled
	await test ! -e $patch
	rmmod bench_livepatch
}

costs_of_alternatives()
{
	# shellcheck disable=SC2046 # two words
	set -- $(range memory_events_show)
	callers="starts=0x$1 ends=0x$2"

	insmod ./bench_floor.ko
	measure floor
	rmmod bench_floor

	# shellcheck disable=SC2086 # two words
	insmod ./bench_article.ko $callers
	measure article
	rmmod bench_article

	# shellcheck disable=SC2086 # two words
	insmod ./bench_kprobe.ko $callers
	measure kprobe
	rmmod bench_kprobe

	if [ "$(uname -m)" = aarch64 ]; then
		echo "left_out kprobe and stack walk: a caller is not on the stack yet at the target's entry"
	else
		# shellcheck disable=SC2086 # two words
		insmod ./bench_kprobe.ko walk=1 $callers
		measure stack_walk
		rmmod bench_kprobe
	fi

	livepatched measure livepatch
}

# The kernel may still be at its own work when we get here: 7.3 tests its ciphers
# for two seconds, in threads that take turns with a reader.
costs()
{
	await is_quiet
	measure absent
	costs_of_the_module
	costs_of_alternatives
	measure absent_again
}

# text NAME: the kernel's text, and the target's alone, as hashes.
text()
{
	name=$1
	# shellcheck disable=SC2046,SC2086 # words
	set -- $(awk '$3 == "_stext" || $3 == "_etext" { print $1 }' /proc/kallsyms) $target
	echo "text $name $(reader text "$1" "$2") $(reader text "$3" "$4")"
}

# What switching takes, and whether it writes to the kernel's text.
switching()
{
	await is_quiet
	target=$(range __memory_events_show)
	redirect=$hook/parents/memory_events_show/redirect

	load
	text hooked
	echo 0 > $redirect
	text counted
	echo 1 > $redirect
	text redirected
	echo 0 > $hook/enabled
	text disabled
	echo 1 > $hook/enabled

	fill 256
	name=$(sed -n 1p /tmp/candidates)
	echo "$name" > $hook/remove_parent
	for _ in 1 2 3 4 5; do
		echo "write disable $(reader write $hook/enabled 0)"
		echo "write enable $(reader write $hook/enabled 1)"
		echo "write count $(reader write $redirect 0)"
		echo "write redirect $(reader write $redirect 1)"
		echo "write add $(reader write $hook/add_parent "$name")"
		echo "write remove $(reader write $hook/remove_parent "$name")"
	done
	unload
}

# What lies in the kernel's allocators now: slab by cache, and per CPU. Without what
# waits for a grace period, and without the free objects that count as in use while
# a CPU holds their slab.
allocated()
{
	sleep 5
	await is_quiet
	for cache in /sys/kernel/slab/*/shrink; do
		echo 1 > "$cache"
	done
	awk -v when="$1" 'NR > 2 && $2 { print "slab", when, $1, $2 * $4 }' /proc/slabinfo
	awk -v when="$1" '$1 == "Percpu:" { print "percpu", when, $2 * 1024 }' /proc/meminfo
}

# What it takes to load the module, and to list parents.
memory()
{
	candidates
	allocated absent
	load
	allocated loaded
	echo "module $(cat /sys/module/memevents_hook/coresize)"
	fill 256
	allocated filled
	unload
}

# shellcheck source=pytests/host/cost/scaling.sh
. ./scaling.sh

mkdir $cgroup
"$1"
