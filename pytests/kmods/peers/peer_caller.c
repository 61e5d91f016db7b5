// SPDX-License-Identifier: GPL-2.0
/*
 * A caller of __memory_events_show that stands in a module's text:
 * /sys/kernel/debug/peer_caller/events shows what the target prints for the
 * numbers 1000, 1001, ...
 *
 * On x86_64 the call can have any return address: return_to is that of code
 * that does nothing but return. There the target returns to, and from there the
 * call is over.
 */
#include <linux/atomic.h>
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "call_target.h"

static atomic_long_t peer_events[64];
static struct dentry *peer_dir;

static unsigned long return_to;
module_param(return_to, ulong, 0600);
MODULE_PARM_DESC(return_to,
		 "address the target returns to (default: behind the call)");

static int peer_events_show(struct seq_file *m, void *v)
{
	peer_call(m, peer_events, return_to);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(peer_events);

static int __init peer_init(void)
{
	size_t i;
	int err;

	err = peer_find_target();
	if (err)
		return err;

	for (i = 0; i < ARRAY_SIZE(peer_events); i++)
		atomic_long_set(&peer_events[i], 1000 + i);
	peer_dir = debugfs_create_dir("peer_caller", NULL);
	debugfs_create_file("events", 0400, peer_dir, NULL, &peer_events_fops);
	return 0;
}
module_init(peer_init);

static void __exit peer_exit(void)
{
	debugfs_remove_recursive(peer_dir);
}
module_exit(peer_exit);

MODULE_DESCRIPTION("Test peer: calls the target from module text");
MODULE_AUTHOR("The memevents_hook developers");
MODULE_LICENSE("GPL");
