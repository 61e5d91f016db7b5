/* SPDX-License-Identifier: GPL-2.0 */
/* The debugfs tree. */
#ifndef _MEMEVENTS_HOOK_CONTROL_H
#define _MEMEVENTS_HOOK_CONTROL_H

#include <linux/fs.h>

/* In the files named for them: control.c puts them into the tree. */
extern const struct file_operations control_stats_fops;
extern const struct file_operations control_why_fops;

int control_init(void);
int control_add_parent(const char *name, bool redirect, bool unique);
void control_open(void);
void control_exit(void);

#endif /* _MEMEVENTS_HOOK_CONTROL_H */
