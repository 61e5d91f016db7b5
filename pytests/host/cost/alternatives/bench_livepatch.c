// SPDX-License-Identifier: GPL-2.0
/* A livepatch of the target: every call gets the replacement, whoever calls. */
#include <linux/livepatch.h>
#include <linux/module.h>

#include "replacement.h"

static struct klp_func funcs[] = { { .old_name = "__memory_events_show" }, {} };

static struct klp_object objects[] = { { .funcs = funcs }, /* vmlinux */
				       {} };

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objects,
};

static int __init patch_init(void)
{
	funcs[0].new_func = replacement();
	return klp_enable_patch(&patch);
}
module_init(patch_init);

static void __exit patch_exit(void)
{
}
module_exit(patch_exit);

MODULE_DESCRIPTION("Benchmark: a livepatch of the target");
MODULE_AUTHOR("The memevents_hook developers");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
