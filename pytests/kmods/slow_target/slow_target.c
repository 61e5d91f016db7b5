// SPDX-License-Identifier: GPL-2.0
/*
 * The module's own target with a replacement that spins for milliseconds, for
 * tests of what unloading waits for. It does not sleep, as the engine demands;
 * where kernel code is preemptible, it can be preempted at any point.
 */
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/processor.h>
#include <linux/seq_file.h>

#include "hook.h"

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

const struct hook_target hook_target = {
	.symbol = "__memory_events_show",
	.unique = true,
	.replacement = slow_replacement,
	.banner = "",
	.redirect = "memory_events_show",
	.observe = "memory_events_local_show",
};

MODULE_DESCRIPTION("Redirect to a replacement that takes its time");
