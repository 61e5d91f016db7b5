// SPDX-License-Identifier: GPL-2.0
/*
 * Counts the callers of a function that is named when the module is loaded, for
 * tests of what no caller of memory_events.c's target does: a tail call, say.
 * Redirect none of them: what stands for a replacement here fits no function.
 */
#include <linux/kallsyms.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

#include "hook.h"

static char target[KSYM_NAME_LEN];
module_param_string(target, target, sizeof(target), 0444);
MODULE_PARM_DESC(target, "the function whose callers are counted");

static char inlined_into[KSYM_NAME_LEN];
module_param_string(inlined_into, inlined_into, sizeof(inlined_into), 0444);
MODULE_PARM_DESC(inlined_into,
		 "where the target is no symbol: a caller that is one");

static void no_replacement(void)
{
}

const struct hook_target hook_target = {
	.symbol = target,
	.replacement = no_replacement,
	.banner = "",
	.redirect = inlined_into,
	.observe = "",
};

MODULE_DESCRIPTION("Count the callers of any function");
