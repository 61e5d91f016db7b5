// SPDX-License-Identifier: GPL-2.0
/*
 * A kprobe on the target whose pre_handler sends the listed callers' calls
 * elsewhere. It knows the caller by the return address or, as fault injection
 * does, by a walk of the stack.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/ptrace.h>
#include <linux/rcupdate.h>
#include <linux/stacktrace.h>

#include "callers.h"
#include "replacement.h"

static bool walk;
module_param(walk, bool, 0444);
MODULE_PARM_DESC(walk, "find the caller by a walk of the stack");

/* As many as fault injection's stacktrace-depth is by default. */
#define DEPTH 32

static bool is_on_stack(void)
{
	unsigned long entries[DEPTH];
	unsigned int i, nr = stack_trace_save(entries, DEPTH, 1);

	for (i = 0; i < nr; i++)
		if (is_caller(entries[i]))
			return true;
	return false;
}

static unsigned long return_ip(struct pt_regs *regs)
{
#ifdef CONFIG_X86_64
	return regs_get_kernel_stack_nth(regs, 0);
#else
	return procedure_link_pointer(regs);
#endif
}

static int send(struct kprobe *p, struct pt_regs *regs)
{
	if (!(walk ? is_on_stack() : is_caller(return_ip(regs))))
		return 0;
	instruction_pointer_set(regs, (unsigned long)replacement());
	return 1;
}

NOKPROBE_SYMBOL(send);

/* Keeps kprobes from jumping past us: an optimised one cannot set the IP. */
static void nothing(struct kprobe *p, struct pt_regs *regs, unsigned long flags)
{
}

NOKPROBE_SYMBOL(nothing);

static struct kprobe probe = {
	.symbol_name = "__memory_events_show",
	.pre_handler = send,
	.post_handler = nothing,
};

static int __init probe_init(void)
{
	return register_kprobe(&probe);
}
module_init(probe_init);

static void __exit probe_exit(void)
{
	unregister_kprobe(&probe);
	synchronize_rcu_tasks();
}
module_exit(probe_exit);

MODULE_DESCRIPTION("Benchmark: a kprobe that sets the IP");
MODULE_AUTHOR("The memevents_hook developers");
MODULE_LICENSE("GPL");
