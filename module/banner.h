/* SPDX-License-Identifier: GPL-2.0 */
/* The line that a replacement prints before the rest. */
#ifndef _MEMEVENTS_HOOK_BANNER_H
#define _MEMEVENTS_HOOK_BANNER_H

#include <linux/rcupdate.h>
#include <linux/types.h>

struct banner;
struct seq_file;

/* NULL is the empty one. */
extern struct banner __rcu *banner;

/* Bytes of text, the newline not counted. */
#define BANNER_MAX 127

int banner_set(const char *text, size_t len);
void banner_print(struct seq_file *m);
void banner_exit(void);

/**
 * banner_show() - print the banner, as a line of its own
 * @m: where to
 *
 * No more than a test where there is none.
 *
 * Context: any process context; does not sleep, so a replacement may call it.
 */
static inline void banner_show(struct seq_file *m)
{
	if (rcu_access_pointer(banner))
		banner_print(m);
}

#endif /* _MEMEVENTS_HOOK_BANNER_H */
