// SPDX-License-Identifier: GPL-2.0
/* An IPMODIFY handler that does nothing: what ftrace itself costs. */
#include <linux/ftrace.h>
#include <linux/module.h>

#include "compat.h"

static void notrace floor_handler(unsigned long ip, unsigned long parent_ip,
				  struct ftrace_ops *ops,
				  struct compat_ftrace_regs *fregs)
{
}

static struct ftrace_ops floor_ops = {
	.func = floor_handler,
	.flags = FTRACE_OPS_FL_IPMODIFY | COMPAT_FTRACE_OPS_FL_REGS |
		 COMPAT_FTRACE_OPS_FL_NO_RECURSION,
};

static unsigned char target[] = "__memory_events_show";

static int __init floor_init(void)
{
	int err = ftrace_set_filter(&floor_ops, target, sizeof(target) - 1, 1);

	return err ?: register_ftrace_function(&floor_ops);
}
module_init(floor_init);

static void __exit floor_exit(void)
{
	unregister_ftrace_function(&floor_ops);
	ftrace_set_filter(&floor_ops, NULL, 0, 1);
}
module_exit(floor_exit);

MODULE_DESCRIPTION("Benchmark: an empty IPMODIFY handler");
MODULE_AUTHOR("The memevents_hook developers");
MODULE_LICENSE("GPL");
