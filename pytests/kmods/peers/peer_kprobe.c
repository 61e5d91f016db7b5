// SPDX-License-Identifier: GPL-2.0
/*
 * A kprobe on a function. With a post_handler it needs IPMODIFY where kprobes go
 * through ftrace; without one it needs no IPMODIFY.
 */
#include <linux/kprobes.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/processor.h>
#include <linux/timekeeping.h>

static char *symbol = "__memory_events_show";
module_param(symbol, charp, 0444);
MODULE_PARM_DESC(symbol, "the function to probe");

static bool post = true;
module_param(post, bool, 0444);
MODULE_PARM_DESC(post, "have a post_handler");

static unsigned int offset;
module_param(offset, uint, 0444);
MODULE_PARM_DESC(offset, "of the probe in the function");

static unsigned int spin_ms;
module_param(spin_ms, uint, 0444);
MODULE_PARM_DESC(spin_ms, "how long each hit takes, in milliseconds");

static unsigned long hits;
module_param(hits, ulong, 0444);
MODULE_PARM_DESC(hits, "calls seen (not exact: no lock)");

static int peer_pre_handler(struct kprobe *p, struct pt_regs *regs)
{
	/* A breakpoint's handler may read no clock that takes a lock. */
	const u64 end = ktime_get_mono_fast_ns() + spin_ms * NSEC_PER_MSEC;

	WRITE_ONCE(hits, READ_ONCE(hits) + 1);
	while (spin_ms && ktime_get_mono_fast_ns() < end)
		cpu_relax();
	return 0;
}

static void peer_post_handler(struct kprobe *p, struct pt_regs *regs,
			      unsigned long flags)
{
}

static struct kprobe peer_kprobe = {
	.pre_handler = peer_pre_handler,
};

static int __init peer_init(void)
{
	peer_kprobe.symbol_name = symbol;
	peer_kprobe.offset = offset;
	if (post)
		peer_kprobe.post_handler = peer_post_handler;
	return register_kprobe(&peer_kprobe);
}
module_init(peer_init);

static void __exit peer_exit(void)
{
	unregister_kprobe(&peer_kprobe);
}
module_exit(peer_exit);

MODULE_DESCRIPTION("Test peer: a kprobe with or without a post_handler");
MODULE_AUTHOR("The memevents_hook developers");
MODULE_LICENSE("GPL");
