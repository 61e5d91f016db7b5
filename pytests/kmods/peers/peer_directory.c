// SPDX-License-Identifier: GPL-2.0
/* Has the module's directory in debugfs before the module does. */
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/module.h>

static struct dentry *peer_dir;

static int __init peer_init(void)
{
	peer_dir = debugfs_create_dir("memevents_hook", NULL);
	return PTR_ERR_OR_ZERO(peer_dir);
}
module_init(peer_init);

static void __exit peer_exit(void)
{
	debugfs_remove(peer_dir);
}
module_exit(peer_exit);

MODULE_DESCRIPTION("Test peer: holds a directory in debugfs");
MODULE_AUTHOR("The memevents_hook developers");
MODULE_LICENSE("GPL");
