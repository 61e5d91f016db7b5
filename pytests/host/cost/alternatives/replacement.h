/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What an alternative runs in the target's place: the module's own replacement,
 * without a banner. So they differ in how a call gets there, and in nothing else.
 */
#ifndef _BENCH_REPLACEMENT_H
#define _BENCH_REPLACEMENT_H

#include <linux/seq_file.h>

/* In the place of banner.h. */
#define _MEMEVENTS_HOOK_BANNER_H
static inline void banner_show(struct seq_file *m)
{
}

#include "memory_events.c"

static inline void *replacement(void)
{
	return hook_target.replacement;
}

#endif /* _BENCH_REPLACEMENT_H */
