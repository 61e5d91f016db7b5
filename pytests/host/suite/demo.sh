#!/bin/sh
# The demo's session, in the guest: what stands after a `#` is run, as a person
# would type it. Fails if a figure is not what it has to be.

hook=/sys/kernel/debug/memevents_hook
group=/sys/fs/cgroup/task
failed=0

say()
{
	printf '\n=== %s\n' "$*"
}

# Show a command as typed at a root prompt, then run it; what it wrote is in $out.
out=/tmp/out
run()
{
	printf '# %s\n' "$*"
	eval "$*" > $out 2>&1
	cat $out
}

expect()
{
	if ! eval "$2"; then
		echo "!!! NOT AS IT SHOULD BE: $1"
		failed=1
	fi
}

same_as_before()
{
	expect "this is what the kernel printed before" "cmp $out /tmp/before"
}

say "The kernel of this virtual machine, as Debian ships it"
run uname -srvm

say "A cgroup of 16 MiB, and a program in it that wants more, until the kernel kills it"
run mkdir $group
run "cd $group"
run "echo 16M > memory.max"
run "sh -c 'echo \$\$ > cgroup.procs; exec tail /dev/zero'"
run "dmesg | grep 'Memory cgroup out of memory'"

say "What the kernel counted. One function of its prints both files"
run cat memory.events
cp $out /tmp/before
expect "the kernel killed" "grep -q '^oom_kill [1-9]' $out"
run cat memory.events.local
same_as_before

say "Load the hook for this cgroup only: systemd and others read the files of theirs undisturbed"
run mkdir ../other
run insmod /memevents/module/memevents_hook.ko only=/task
run "dmesg | grep memevents_hook: | tail -n 3"

say "memory.events comes from the module now, with its banner; memory.events.local from the kernel"
run cat memory.events
expect "the banner is there" "grep -q '^This is from __memory_events_show_new' $out"
sed -i 1d $out
same_as_before
run cat memory.events.local
same_as_before

say "The same file of another cgroup is out of scope"
run cat ../other/memory.events
expect "no banner is there" "grep -q '^low 0' $out && ! grep -q '^This is' $out"

say "Every call is counted, in the row of the function that made it"
run "for n in 1 2 3 4 5; do cat memory.events; done > /dev/null"
run cat $hook/stats
expect "the scope is shown" "grep -qx '# only=/task' $out"
expect "7 calls, 6 redirected" "grep -Eq '^memory_events_show .* Y +7 +6' $out"
expect "1 call, not redirected" "grep -Eq '^memory_events_local_show .* N +1 +0' $out"
expect "no other call" "grep -Eq '^\[other\] .* 0 +-' $out"

say "Off, at run time: the kernel's own output again, and the counters stand still"
run "echo 0 > $hook/enabled"
run cat memory.events
same_as_before
run cat $hook/why

say "And on again"
run "echo 1 > $hook/enabled"
run cat memory.events
expect "the banner is there" "grep -q '^This is from __memory_events_show_new' $out"

say "One caller's switch: memory.events is only counted from here on"
run "echo 0 > $hook/parents/memory_events_show/redirect"
run cat memory.events
same_as_before

say "The other caller's: memory.events.local is redirected instead, with another banner"
run "echo 'Hello from the module' > $hook/banner"
run "echo 1 > $hook/parents/memory_events_local_show/redirect"
run cat memory.events
same_as_before
run cat memory.events.local
expect "the new banner is there" "grep -q '^Hello from the module' $out"
run cat $hook/stats

say "A lease: when the shell that holds it is gone, killed or not, the hook is off"
run "sh -c 'exec 4<>$hook/hold; echo 1 >&4; cat $hook/hold $hook/enabled; kill -9 \$\$'"
expect "one holder, the hook on" "[ \"\$(head -n 2 $out | tr '\\n' ' ')\" = '1 Y ' ]"
run cat $hook/enabled
expect "the hook is off" "grep -qx N $out"

say "Unload: as if it had never been there"
run rmmod memevents_hook
run cat memory.events
same_as_before
run cat memory.events.local
same_as_before
run rmdir ../other
run ls $hook
expect "the folder is gone" "[ ! -e $hook ]"
run "dmesg | grep memevents_hook: | tail -n 1"

echo
if [ $failed = 0 ]; then
	echo "Everything was as it should be, and this virtual machine is gone."
else
	echo "Something was not as it should be: see the lines that start with !!!"
fi
exit $failed
