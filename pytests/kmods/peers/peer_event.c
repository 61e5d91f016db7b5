// SPDX-License-Identifier: GPL-2.0
/*
 * A probe on the module's tracepoint, memevents_route, that does what no probe
 * should: it calls the target itself, or it takes its time and only then reads
 * what it was given.
 */
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/processor.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include "call_target.h"

static bool call;
module_param(call, bool, 0444);
MODULE_PARM_DESC(call, "call the target");

static unsigned int spin_ms;
module_param(spin_ms, uint, 0444);
MODULE_PARM_DESC(spin_ms, "how long to spin, in milliseconds");

static unsigned int events;
module_param(events, uint, 0444);
MODULE_PARM_DESC(events, "runs of the probe (not exact: no lock)");

static unsigned int deepest;
module_param(deepest, uint, 0444);
MODULE_PARM_DESC(deepest, "runs of the probe that were within each other");

static unsigned int named;
module_param(named, uint, 0444);
MODULE_PARM_DESC(named, "runs that had the name of a parent at their end");

/* Where it would go on for ever, it ends here. */
#define PEER_DEEPEST 8

static DEFINE_PER_CPU(unsigned int, peer_depth);
static atomic_long_t peer_figures[64];
static struct tracepoint *peer_tracepoint;

/* A probe runs with preemption off. */
static void peer_probe(void *data, const char *parent, unsigned long parent_ip,
		       bool redirected)
{
	const ktime_t end = ktime_add_ms(ktime_get(), spin_ms);
	const unsigned int depth = __this_cpu_inc_return(peer_depth);
	struct seq_file m = {}; /* of no size: it takes no text */

	WRITE_ONCE(events, READ_ONCE(events) + 1);
	if (depth > READ_ONCE(deepest))
		WRITE_ONCE(deepest, depth);
	if (call && depth < PEER_DEEPEST)
		peer_call(&m, peer_figures, 0);
	while (ktime_before(ktime_get(), end))
		cpu_relax();
	if (strlen(parent))
		WRITE_ONCE(named, READ_ONCE(named) + 1);
	__this_cpu_dec(peer_depth);
}

static int peer_module_notify(struct notifier_block *nb, unsigned long val,
			      void *data)
{
	const struct module *mod = ((struct tp_module *)data)->mod;
	struct tracepoint *tp;
	unsigned int i;

	if (val != MODULE_STATE_COMING || strcmp(mod->name, "memevents_hook"))
		return NOTIFY_DONE;
	for (i = 0; i < mod->num_tracepoints; i++) {
		tp = tracepoint_ptr_deref(mod->tracepoints_ptrs + i);
		if (!strcmp(tp->name, "memevents_route"))
			peer_tracepoint = tp;
	}
	return NOTIFY_OK;
}

/* On registering it is told of the modules that are there. */
static struct notifier_block peer_notifier = {
	.notifier_call = peer_module_notify,
};

static int __init peer_init(void)
{
	int err;

	err = call ? peer_find_target() : 0;
	if (err)
		return err;
	err = register_tracepoint_module_notifier(&peer_notifier);
	if (err)
		return err;
	unregister_tracepoint_module_notifier(&peer_notifier);
	if (!peer_tracepoint)
		return -ENOENT;
	return tracepoint_probe_register(peer_tracepoint, (void *)peer_probe,
					 NULL);
}
module_init(peer_init);

static void __exit peer_exit(void)
{
	tracepoint_probe_unregister(peer_tracepoint, (void *)peer_probe, NULL);
	tracepoint_synchronize_unregister();
}
module_exit(peer_exit);

MODULE_DESCRIPTION("Test peer: a probe on the module's tracepoint");
MODULE_AUTHOR("The memevents_hook developers");
MODULE_LICENSE("GPL");
