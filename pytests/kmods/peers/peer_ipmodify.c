// SPDX-License-Identifier: GPL-2.0
/* An IPMODIFY user of a function that changes nothing: it only holds the place. */
#include <linux/ftrace.h>
#include <linux/module.h>

#include "compat.h"
#include "tracer.h"

static char symbol[PEER_SYMBOL_MAX] = "__memory_events_show";
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
	return peer_trace(&peer_ops, symbol);
}
module_init(peer_init);

static void __exit peer_exit(void)
{
	peer_trace_end(&peer_ops);
}
module_exit(peer_exit);

MODULE_DESCRIPTION("Test peer: holds a function with IPMODIFY");
MODULE_AUTHOR("The memevents_hook developers");
MODULE_LICENSE("GPL");
