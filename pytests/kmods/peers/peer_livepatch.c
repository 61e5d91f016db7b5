// SPDX-License-Identifier: GPL-2.0
/*
 * A livepatch of __memory_events_show, or of one of the functions that call it;
 * and, where peer_parked is loaded, of the function it parks tasks in.
 */
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "call_target.h"

static char *symbol = "__memory_events_show";
module_param(symbol, charp, 0444);
MODULE_PARM_DESC(symbol, "the function to patch");

static bool parent;
module_param(parent, bool, 0444);
MODULE_PARM_DESC(parent,
		 "it has the type of a caller (a seq_file show function)");

static bool calls;
module_param(calls, bool, 0444);
MODULE_PARM_DESC(calls, "a caller goes on to call __memory_events_show");

static atomic_long_t peer_figures[64];

static void peer_show(struct seq_file *m, atomic_long_t *events)
{
	seq_puts(m, "livepatched 1\n");
}

static int peer_parent(struct seq_file *m, void *v)
{
	if (calls) {
		peer_call(m, peer_figures, 0);
		return 0;
	}
	seq_puts(m, "livepatched 2\n");
	return 0;
}

static void peer_park(void)
{
}

static struct klp_func peer_funcs[] = { { .new_func = peer_show }, {} };

static struct klp_func peer_parked_funcs[] = {
	{ .old_name = "peer_park", .new_func = peer_park },
	{},
};

static struct klp_object peer_objects[] = {
	{ .funcs = peer_funcs }, /* vmlinux */
	{ .name = "peer_parked", .funcs = peer_parked_funcs },
	{}
};

static struct klp_patch peer_patch = {
	.mod = THIS_MODULE,
	.objs = peer_objects,
};

static int __init peer_init(void)
{
	int err;

	if (calls) {
		err = peer_find_target();
		if (err)
			return err;
	}
	peer_funcs[0].old_name = symbol;
	if (parent)
		peer_funcs[0].new_func = peer_parent;
	return klp_enable_patch(&peer_patch);
}
module_init(peer_init);

static void __exit peer_exit(void)
{
}
module_exit(peer_exit);

MODULE_DESCRIPTION("Test peer: a livepatch of the target or of a parent");
MODULE_AUTHOR("The memevents_hook developers");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
