// SPDX-License-Identifier: GPL-2.0
/* An IPMODIFY user of a function that changes nothing: it only holds the place. */
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/string.h>

#include "compat.h"

static char symbol[128] = "__memory_events_show";
module_param_string(symbol, symbol, sizeof(symbol), 0444);
MODULE_PARM_DESC(symbol, "the function to hold");

static void notrace peer_handler(unsigned long ip, unsigned long parent_ip,
				 struct ftrace_ops *ops,
				 struct compat_ftrace_regs *fregs)
{
}

static struct ftrace_ops peer_ops = {
	.func = peer_handler,
	.flags = FTRACE_OPS_FL_IPMODIFY | COMPAT_FTRACE_OPS_FL_REGS |
		 COMPAT_FTRACE_OPS_FL_NO_RECURSION,
};

static int __init peer_init(void)
{
	unsigned char name[sizeof(symbol)];
	int err;

	memcpy(name, symbol, sizeof(name));
	err = ftrace_set_filter(&peer_ops, name, strlen(symbol), 1);
	if (err)
		return err;
	err = register_ftrace_function(&peer_ops);
	if (err)
		ftrace_set_filter(&peer_ops, NULL, 0, 1);
	return err;
}
module_init(peer_init);

static void __exit peer_exit(void)
{
	unregister_ftrace_function(&peer_ops);
	ftrace_set_filter(&peer_ops, NULL, 0, 1);
}
module_exit(peer_exit);

MODULE_DESCRIPTION("Test peer: holds a function with IPMODIFY");
MODULE_AUTHOR("The memevents_hook authors");
MODULE_LICENSE("GPL");
