// SPDX-License-Identifier: GPL-2.0
/*
 * A function that does not return: who reads /sys/kernel/debug/peer_parked/park
 * sleeps in it until it is killed. peer_livepatch patches that function, so that
 * its transition lasts as long as somebody is in there.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>

static bool parked;
module_param(parked, bool, 0444);
MODULE_PARM_DESC(parked, "is a task in there?");

static struct dentry *peer_dir;

/*
 * Killable: livepatch's fake signals, sent to whoever holds up a transition for
 * long, do not end the sleep, and the watch for hung tasks looks past it.
 */
static noinline __noclone void peer_park(void)
{
	WRITE_ONCE(parked, true);
	while (!fatal_signal_pending(current))
		schedule_timeout_killable(MAX_SCHEDULE_TIMEOUT);
	WRITE_ONCE(parked, false);
}

static int peer_park_show(struct seq_file *m, void *v)
{
	peer_park();
	seq_puts(m, "released\n");
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(peer_park);

static int __init peer_init(void)
{
	peer_dir = debugfs_create_dir("peer_parked", NULL);
	debugfs_create_file("park", 0400, peer_dir, NULL, &peer_park_fops);
	return 0;
}
module_init(peer_init);

static void __exit peer_exit(void)
{
	debugfs_remove_recursive(peer_dir);
}
module_exit(peer_exit);

MODULE_DESCRIPTION("Test peer: keeps a task asleep in a function of its own");
MODULE_AUTHOR("The memevents_hook developers");
MODULE_LICENSE("GPL");
