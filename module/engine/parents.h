/* SPDX-License-Identifier: GPL-2.0 */
/* The list of parents. */
#ifndef _MEMEVENTS_HOOK_PARENTS_H
#define _MEMEVENTS_HOOK_PARENTS_H

#include <linux/mutex.h>

#include "parent.h"

/* As many parents can be listed. */
#define PARENTS_MAX 256

extern struct mutex parents_lock;
/* The row for calls from no listed parent. */
extern struct parent parent_other;

int parents_init(void);
void parents_exit(void);

int parents_check(const char *name, const struct symbol_range *range);
int parents_add(struct parent *parent);
struct parent *parents_find(const char *name);
void parents_remove(struct parent *parent);
void parents_set_redirect(struct parent *parent, bool redirect);
void parents_set_times(struct parent *parent, int times);
void parents_reset(void);

struct parent *parents_nth(unsigned int n);

#endif /* _MEMEVENTS_HOOK_PARENTS_H */
