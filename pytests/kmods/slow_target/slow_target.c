// SPDX-License-Identifier: GPL-2.0
/*
 * The module's own target with a replacement that spins for milliseconds, for
 * tests of what unloading waits for. It does not sleep, as the engine demands;
 * where kernel code is preemptible, it can be preempted at any point.
 *
 * Given the name of a target that no kernel has, the engine takes it for one that the
 * compiler inlined into its callers, on every kernel.
 */
#include <linux/kallsyms.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/processor.h>
#include <linux/seq_file.h>

#include "banner.h"
#include "hook.h"

static char target[KSYM_NAME_LEN] = "__memory_events_show";
module_param_string(target, target, sizeof(target), 0444);
MODULE_PARM_DESC(target, "the target's name");

static unsigned int spin_ms = 20;
module_param(spin_ms, uint, 0644);
MODULE_PARM_DESC(spin_ms, "how long the replacement spins, in milliseconds");

static unsigned long entered;
module_param(entered, ulong, 0444);
MODULE_PARM_DESC(entered, "calls of the replacement (not exact: no lock)");

static void slow_replacement(struct seq_file *m, atomic_long_t *events)
{
	const ktime_t end = ktime_add_ms(ktime_get(), READ_ONCE(spin_ms));

	WRITE_ONCE(entered, READ_ONCE(entered) + 1);
	while (ktime_before(ktime_get(), end))
		cpu_relax();
	seq_puts(m, "slow 1\n");
}

/* Of both callers: their prototype is the same. */
static int slow_caller(struct seq_file *m, void *v)
{
	slow_replacement(m, NULL);
	return 0;
}

static int slow_caller_with_banner(struct seq_file *m, void *v)
{
	banner_show(m);
	return slow_caller(m, v);
}

const struct hook_target hook_target = {
	.symbol = target,
	.unique = true,
	.replacement = slow_replacement,
	.banner = "",
	.redirect = "memory_events_show",
	.observe = "memory_events_local_show",
	.entries = {
		{ "memory_events_show", slow_caller, slow_caller_with_banner },
		{ "memory_events_local_show", slow_caller,
		  slow_caller_with_banner },
	},
};

MODULE_DESCRIPTION("Redirect to a replacement that takes its time");
