/* SPDX-License-Identifier: GPL-2.0 */
/* The line that a replacement prints before the rest. */
#ifndef _MEMEVENTS_HOOK_BANNER_H
#define _MEMEVENTS_HOOK_BANNER_H

#include <linux/types.h>

struct seq_file;

/* Bytes of text, the newline not counted. */
#define BANNER_MAX 127

int banner_set(const char *text, size_t len);
void banner_show(struct seq_file *m);
void banner_exit(void);

#endif /* _MEMEVENTS_HOOK_BANNER_H */
