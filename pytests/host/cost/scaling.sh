# shellcheck shell=sh disable=SC2154 # the names are those of guest.sh, which sources this
# Many CPUs: readers on a CPU each, of a cgroup of their own each. Nothing that patches
# the kernel's text is switched while they run.

group=/sys/fs/cgroup/scaling
switches=$hook/parents/memory_events_show

# How many readers are compared: 1, 2, 4 and so on, and one a CPU.
numbers()
{
	number=1
	while [ "$number" -lt "$cpus" ]; do
		echo "$number"
		number=$((number * 2))
	done
	echo "$cpus"
}

# files NAME N: the file of that name of each of the first N cgroups.
files()
{
	for number in $(seq "$2"); do
		echo "$group/$number/$1"
	done
}

# counted NAME: hits and redirected of the parent that reads of the file come from.
counted()
{
	parent=$hook/parents/$(echo "$1" | tr . _)_show
	if [ -e "$parent" ]; then
		echo "$(cat "$parent/hits") $(cat "$parent/redirected")"
	else
		echo "- -"
	fi
}

# run STATE NAME N: a line with the state, N, both counters, reads a second of all N
# readers, and the reads of each.
run()
{
	[ ! -e "$hook" ] || echo 1 > "$hook/reset"
	# shellcheck disable=SC2046 # a word a file
	reads=$(reader run $(files "$2" "$3"))
	echo "run $1 $3 $(counted "$2") $reads"
}

# each STATE NAME: by each number of readers.
each()
{
	for readers in $(numbers); do
		run "$1" "$2" "$readers"
	done
}

modes()
{
	load enabled=N
	each off memory.events.local
	echo 1 > "$hook/enabled"
	each counted memory.events.local
	each redirected memory.events
	echo /scaling > "$hook/only"
	each only memory.events
	echo > "$hook/only"
	echo 2147483647 > "$switches/times"
	each times memory.events
	unload
	livepatched each livepatch memory.events
}

# List a function and take it off the list, until there is /tmp/enough.
change_the_list()
{
	until [ -e /tmp/enough ]; do
		echo "$1" > "$hook/add_parent"
		echo "$1" > "$hook/remove_parent"
		echo changed >> /tmp/changes
	done
}

# The list changes while every CPU reads: 20 times, or for 60 runs.
beside_changes()
{
	candidates
	: > /tmp/changes
	change_the_list "$(sed -n 1p /tmp/candidates)" &
	changer=$!
	for _ in $(seq 60); do
		run changes memory.events "$cpus"
		[ "$(wc -l < /tmp/changes)" -lt 20 ] || break
	done
	: > /tmp/enough
	wait "$changer"
	echo "changes $(wc -l < /tmp/changes)"
}

# What has to be exact with a reader on every CPU: a scope that has the first of their
# cgroups alone, a budget that is used up meanwhile, counting while the list changes.
exact()
{
	load
	echo /scaling/1 > "$hook/only"
	run scope memory.events "$cpus"
	echo > "$hook/only"
	echo 1000 > "$switches/times"
	run budget memory.events "$cpus"
	grep -qx 0 "$switches/times"
	echo -1 > "$switches/times"
	beside_changes
	unload
}

# In turns, so that a host that gets busier slows all states down.
scaling()
{
	cpus=$(grep -c '^processor' /proc/cpuinfo)
	mkdir "$group"
	echo +memory > "$group/cgroup.subtree_control"
	for number in $(seq "$cpus"); do
		mkdir "$group/$number"
	done
	exact
	for _ in 1 2 3 4 5; do
		modes
	done
}
