// SPDX-License-Identifier: GPL-2.0
/*
 * Cgroups that users name. A reference keeps the memory of a cgroup, but its owner
 * can still remove it at any time. A new one of the same path is another one.
 */
#include <linux/cgroup.h>
#include <linux/err.h>
#include <linux/limits.h>
#include <linux/nsproxy.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "cgroup_name.h"

/*
 * printk() cuts a line that is longer than about a thousand bytes, the reason and
 * the newline with it, and shows none of it before the next line. What is left of
 * a path tells which one it was.
 */
#define PATH_LOGGED 512

static void warn_of(const char *path, const char *reason)
{
	pr_warn_ratelimited("%.*s%s: %s\n", PATH_LOGGED, path,
			    strlen(path) > PATH_LOGGED ? "..." : "", reason);
}

/*
 * cgroup_get_from_path() starts at the root of the hierarchy on some kernels, and
 * at the root of the caller's namespace on others.
 */
static bool in_own_namespace(void)
{
	return current->nsproxy->cgroup_ns != init_task.nsproxy->cgroup_ns;
}

/**
 * cgroup_name_get() - find and hold a cgroup of the default hierarchy
 * @path: its path from the root of the hierarchy, at most PATH_MAX - 1 bytes
 *
 * A failure is explained in the kernel log, except -ENOMEM.
 *
 * Context: may sleep.
 * Return: the cgroup, for cgroup_name_put(), or ERR_PTR() of -ENOENT where there
 * is none, -EPERM where the task is in a cgroup namespace of its own,
 * -ENAMETOOLONG, -ENOMEM.
 */
struct cgroup_name *cgroup_name_get(const char *path)
{
	struct cgroup_name *name;
	struct cgroup *cgroup;
	int len;

	if (in_own_namespace()) {
		warn_of(path, "the writer is in a cgroup namespace of its own");
		return ERR_PTR(-EPERM);
	}
	cgroup = cgroup_get_from_path(path);
	if (IS_ERR(cgroup)) {
		if (PTR_ERR(cgroup) == -ENOMEM)
			return ERR_CAST(cgroup);
		warn_of(path, "no such cgroup");
		return ERR_PTR(-ENOENT);
	}

	name = kmalloc(struct_size(name, path, PATH_MAX), GFP_KERNEL);
	if (!name) {
		cgroup_put(cgroup);
		return ERR_PTR(-ENOMEM);
	}
	name->cgroup = cgroup;
	/* Older kernels return the length, newer ones an error. */
	len = cgroup_path(cgroup, name->path, PATH_MAX);
	if (len < 0 || len >= PATH_MAX) {
		pr_warn_ratelimited("the path of the cgroup is too long\n");
		cgroup_name_put(name);
		return ERR_PTR(-ENAMETOOLONG);
	}
	return name;
}

/**
 * cgroup_name_put() - release a cgroup
 * @name: what cgroup_name_get() returned, or NULL; no handler can hold it
 *
 * Context: any but a hard interrupt's.
 */
void cgroup_name_put(struct cgroup_name *name)
{
	if (!name)
		return;
	cgroup_put(name->cgroup);
	kfree(name);
}

static void put_callback(struct rcu_head *rcu)
{
	cgroup_name_put(container_of(rcu, struct cgroup_name, rcu));
}

/**
 * cgroup_name_put_rcu() - the same when no handler can hold it any more
 * @name: what cgroup_name_get() returned, or NULL
 *
 * Context: any but a hard interrupt's.
 */
void cgroup_name_put_rcu(struct cgroup_name *name)
{
	if (name)
		call_rcu_tasks(&name->rcu, put_callback);
}

/**
 * cgroup_name_is_deleted() - has the cgroup been removed?
 * @name: the cgroup
 *
 * Context: any.
 * Return: true where it has; false may be over already.
 */
bool cgroup_name_is_deleted(const struct cgroup_name *name)
{
	return !(READ_ONCE(name->cgroup->self.flags) & CSS_ONLINE);
}

/**
 * cgroup_name_show() - print the path, and whether the cgroup has been removed
 * @m: where to
 * @name: the cgroup
 *
 * Context: any.
 */
void cgroup_name_show(struct seq_file *m, const struct cgroup_name *name)
{
	seq_printf(m, "%s%s", name->path,
		   cgroup_name_is_deleted(name) ? " (deleted)" : "");
}
