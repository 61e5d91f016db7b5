/* SPDX-License-Identifier: GPL-2.0 */
/* The debugfs tree. */
#ifndef _MEMEVENTS_HOOK_CONTROL_H
#define _MEMEVENTS_HOOK_CONTROL_H

#include <linux/fs.h>

struct dentry;
struct parent;

int control_init(void);
int control_add_parent(const char *name, bool redirect);
void control_open(void);
void control_exit(void);

/* What follows is for the files of the tree only, control_*.c. */

int control_create_parent_dir(struct parent *parent,
			      struct dentry *parents_dir);

extern const struct file_operations control_callers_fops;
extern const struct file_operations control_hold_fops;
/* control_scope.c */
extern const struct file_operations control_only_fops;
extern const struct file_operations control_readers_fops;
/* control_report.c */
extern const struct file_operations control_stats_fops;
extern const struct file_operations control_why_fops;

#endif /* _MEMEVENTS_HOOK_CONTROL_H */
