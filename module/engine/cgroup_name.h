/* SPDX-License-Identifier: GPL-2.0 */
/* A cgroup that a user has named. */
#ifndef _MEMEVENTS_HOOK_CGROUP_NAME_H
#define _MEMEVENTS_HOOK_CGROUP_NAME_H

#include <linux/cgroup.h>
#include <linux/types.h>

struct seq_file;

/**
 * struct cgroup_name - a cgroup of the default hierarchy that a user has named
 * @cgroup: the cgroup; held, so that no other one can be taken for it
 * @rcu: frees it when no handler can hold it
 * @path: its path from the root of the hierarchy, as /proc/PID/cgroup shows it
 */
struct cgroup_name {
	struct cgroup *cgroup;
	struct rcu_head rcu;
	char path[];
};

struct cgroup_name *cgroup_name_get(const char *path);
void cgroup_name_put(struct cgroup_name *name);
void cgroup_name_put_rcu(struct cgroup_name *name);
bool cgroup_name_is_deleted(const struct cgroup_name *name);
void cgroup_name_show(struct seq_file *m, const struct cgroup_name *name);

#endif /* _MEMEVENTS_HOOK_CGROUP_NAME_H */
