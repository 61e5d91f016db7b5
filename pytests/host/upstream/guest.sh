#!/bin/sh
# One run of a suite of upstream's selftests, in the guest: guest.sh SUITE MODE TEST...
# MODE is without (the module), empty (its banner) or default. The selftests are in /selftests.
# Lines that start with @@ are for the host, verdicts.py and session.py.

suite=$1
mode=$2
shift 2

hook=/sys/kernel/debug/memevents_hook
watched=/sys/fs/cgroup/watched

# What the two files of a cgroup of ours say, and what the hook counted.
sample()
{
	echo "@@ $1 events $(head -n 1 "$watched/memory.events")"
	echo "@@ $1 local $(head -n 1 "$watched/memory.events.local")"
	[ ! -e "$hook" ] || sed "s/^/@@ $1 stats /" "$hook/stats"
}

# The cgroup tests make files where they are, and measure the page cache: of a real file system.
real_file_system()
{
	modprobe ext4 && modprobe zram num_devices=2 || return
	echo 512M > /sys/block/zram0/disksize
	mkfs.ext4 -q -O ^has_journal /dev/zram0 || return
	mkdir /scratch
	mount /dev/zram0 /scratch || return
	cp -r /selftests/cgroup /scratch
	cd /scratch/cgroup || return
	echo 256M > /sys/block/zram1/disksize
	mkswap /dev/zram1 && swapon /dev/zram1
}

each_alone()
{
	for test; do
		echo "@@ run $test"
		timeout 600 "./$test"
		echo "@@ exit $test $?"
	done
}

# as systemd has it
mount -o remount,nsdelegate,memory_recursiveprot /sys/fs/cgroup
echo 'hosts: files' > /etc/nsswitch.conf
echo '127.0.0.1 localhost' > /etc/hosts
python3 -c '
import fcntl, socket, struct
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
fcntl.ioctl(socket.socket(), SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", IFF_UP))'
# livepatch's want to see that modules can be built here
mkdir -p "/lib/modules/$(uname -r)/build"
ln -sf which.debianutils /usr/bin/which

if [ "$mode" != without ]; then
	insmod module/memevents_hook.ko || exit
	[ "$mode" != empty ] || echo > "$hook/banner"
fi
mkdir "$watched"
sample before

case $suite in
cgroup)
	real_file_system || exit
	each_alone "$@"
	;;
livepatch)
	cd /selftests/livepatch || exit
	each_alone "$@"
	;;
ftrace)
	cd /selftests/ftrace || exit
	echo "@@ run ftracetest"
	./ftracetest -v --logdir /tmp/logs "$@"
	echo "@@ exit ftracetest $?"
	;;
esac
sample after
