// SPDX-License-Identifier: GPL-2.0
/*
 * A tracer of a function whose callback calls __memory_events_show. Where that is
 * the function, the call runs the callback again, and so on, as deep as is said.
 */
#include <linux/atomic.h>
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/seq_file.h>

#include "call_target.h"
#include "compat.h"
#include "tracer.h"

static char symbol[PEER_SYMBOL_MAX] = "__memory_events_show";
module_param_string(symbol, symbol, sizeof(symbol), 0444);
MODULE_PARM_DESC(symbol, "the function to trace");

static unsigned long calls;
module_param(calls, ulong, 0444);
MODULE_PARM_DESC(calls, "calls of the target (not exact: no lock)");

static unsigned int depth = 1;
module_param(depth, uint, 0444);
MODULE_PARM_DESC(depth, "calls that are within each other");

static atomic_long_t peer_figures[64];
static DEFINE_PER_CPU(unsigned int, peer_depth);

static void notrace peer_handler(unsigned long ip, unsigned long parent_ip,
				 struct ftrace_ops *ops,
				 struct compat_ftrace_regs *fregs)
{
	struct seq_file m = {}; /* of no size: it takes no text */

	preempt_disable_notrace();
	if (__this_cpu_read(peer_depth) < depth) {
		__this_cpu_inc(peer_depth);
		WRITE_ONCE(calls, READ_ONCE(calls) + 1);
		peer_call(&m, peer_figures, 0);
		__this_cpu_dec(peer_depth);
	}
	preempt_enable_notrace();
}

static struct ftrace_ops peer_ops = {
	.func = peer_handler,
	.flags = COMPAT_FTRACE_OPS_FL_REGS | COMPAT_FTRACE_OPS_FL_NO_RECURSION,
};

static int __init peer_init(void)
{
	int err = peer_find_target();

	if (err)
		return err;
	return peer_trace(&peer_ops, symbol);
}
module_init(peer_init);

static void __exit peer_exit(void)
{
	peer_trace_end(&peer_ops);
}
module_exit(peer_exit);

MODULE_DESCRIPTION("Test peer: a tracer that calls the target");
MODULE_AUTHOR("The memevents_hook developers");
MODULE_LICENSE("GPL");
