/* SPDX-License-Identifier: GPL-2.0 */
/* Which calls of a redirected parent are meant. */
#ifndef _MEMEVENTS_HOOK_SCOPE_H
#define _MEMEVENTS_HOOK_SCOPE_H

#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/types.h>

#include "cgroup_name.h"
#include "compat.h"
#include "hook.h"

/**
 * enum scope_part - what a scope is made of
 * @SCOPE_ONLY: the cgroup that a call must be about, or about one below it
 * @SCOPE_READERS: the cgroup that the calling task must be in, or in one below it
 * @SCOPE_PARTS: their number
 */
enum scope_part {
	SCOPE_ONLY,
	SCOPE_READERS,
	SCOPE_PARTS,
};

/* NULL where that part does not narrow. */
extern struct cgroup_name __rcu *scope[SCOPE_PARTS];

/**
 * scope_covers() - may this call be redirected?
 * @fregs: the handler's last argument
 *
 * Context: the handler, in process context; must not sleep voluntarily. Each part
 * is freed by call_rcu_tasks(), as what lookup_parent() returns is.
 * Return: true where it is in scope.
 */
static __always_inline bool scope_covers(struct compat_ftrace_regs *fregs)
{
	const struct cgroup_name *only = rcu_dereference_raw(scope[SCOPE_ONLY]);
	const struct cgroup_name *readers =
		rcu_dereference_raw(scope[SCOPE_READERS]);
	bool covers;

	if (only && !cgroup_is_descendant(
			    hook_target.cgroup_of(compat_first_argument(fregs)),
			    only->cgroup))
		return false;
	if (!readers)
		return true;
	/* The task may be moved, and its old set of cgroups freed. */
	rcu_read_lock();
	covers =
		cgroup_is_descendant(task_dfl_cgroup(current), readers->cgroup);
	rcu_read_unlock();
	return covers;
}

bool scope_is_set(void);
int scope_set(enum scope_part part, char *text, size_t len);
void scope_exit(void);

const char *scope_part_name(enum scope_part part);
const struct cgroup_name *scope_get(enum scope_part part);

#endif /* _MEMEVENTS_HOOK_SCOPE_H */
