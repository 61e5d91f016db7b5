// SPDX-License-Identifier: GPL-2.0
/*
 * A worked example: the load averages. get_avenrun() has two callers, each with
 * a direct call: loadavg_proc_show(), which prints /proc/loadavg, and
 * do_sysinfo(), behind the system call sysinfo(). Here the former is told that
 * the load is 42, and the latter the truth.
 *
 * do_sysinfo() is static: the compiler may inline it or give it a suffix, so it
 * has no name to list by default. It need not be listed to be left alone.
 */
#include <linux/module.h>
#include <linux/sched/loadavg.h>

#include "hook.h"

#define LOAD 42UL

/* Has the prototype of get_avenrun(), the target. Does not sleep. */
static void loadavg_replacement(unsigned long *loads, unsigned long offset,
				int shift)
{
	int i;

	for (i = 0; i < 3; i++)
		loads[i] = (LOAD * FIXED_1 + offset) << shift;
}

const struct hook_target hook_target = {
	.symbol = "get_avenrun",
	.unique = true,
	.replacement = loadavg_replacement,
	.banner = "",
	.redirect = "loadavg_proc_show",
	.observe = "",
};

MODULE_DESCRIPTION("Redirect one caller of get_avenrun");
