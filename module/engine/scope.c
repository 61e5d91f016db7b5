// SPDX-License-Identifier: GPL-2.0
/*
 * The scope narrows redirection: to the calls about one cgroup, and to those by
 * the tasks of one cgroup.
 *
 * A parent that redirects leaves the handler's cache while a scope is set, so
 * that all its calls take the slow way, where the scope is asked for. A call that
 * overlaps one write is routed by the setting before it or by the one after it.
 * A handler that sees a redirection on also sees the scope that was set before it
 * was switched on (see parent_redirects()). The settings are read one after the
 * other: a call that overlaps several writes may be routed by an early state of
 * one setting and a late state of another. See litmus/scope-publish,
 * litmus/scope-free, litmus/scope-seen and litmus/scope-redirect.
 */
#include <linux/err.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>

#include "input.h"
#include "lookup.h"
#include "parents.h"
#include "scope.h"

/* Written under parents_lock. */
struct cgroup_name __rcu *scope[SCOPE_PARTS];

/**
 * scope_part_name() - what users call a part of the scope
 * @part: the part
 *
 * Context: any.
 * Return: the name of its file, and of its parameter.
 */
const char *scope_part_name(enum scope_part part)
{
	static const char *const names[SCOPE_PARTS] = {
		[SCOPE_ONLY] = "only",
		[SCOPE_READERS] = "readers",
	};

	return names[part];
}

/**
 * scope_get() - the cgroup that a part of the scope names
 * @part: the part
 *
 * Context: parents_lock is held, until the result is done with.
 * Return: the cgroup; NULL where the part does not narrow.
 */
const struct cgroup_name *scope_get(enum scope_part part)
{
	return rcu_dereference_protected(scope[part],
					 lockdep_is_held(&parents_lock));
}

/**
 * scope_is_set() - does any part narrow?
 *
 * Context: parents_lock is held.
 * Return: true where one does.
 */
bool scope_is_set(void)
{
	return scope_get(SCOPE_ONLY) || scope_get(SCOPE_READERS);
}

static int name_cgroup(enum scope_part part, char *text, size_t len,
		       struct cgroup_name **name)
{
	int n = input_path(text, len);

	*name = NULL;
	if (!n)
		return 0;
	if (n == -ENAMETOOLONG)
		pr_warn_ratelimited("%s: the path is too long\n",
				    scope_part_name(part));
	else if (n < 0)
		pr_warn_ratelimited(
			"%s: not a path from the root of the cgroups\n",
			scope_part_name(part));
	if (n < 0)
		return n;
	if (part == SCOPE_ONLY && !hook_target.cgroup_of) {
		pr_warn_ratelimited("%s: the calls of %s are about no cgroup\n",
				    scope_part_name(part), hook_target.symbol);
		return -EOPNOTSUPP;
	}
	*name = cgroup_name_get(text);
	return PTR_ERR_OR_ZERO(*name);
}

/**
 * scope_set() - replace a part of the scope
 * @part: the part
 * @text: path of a cgroup; a newline at its end is cut off in place. An empty one
 *	has the part not narrow
 * @len: its length in bytes, a terminating NUL not counted
 *
 * A call that begins after this has returned, on any CPU, is routed by the new
 * scope. The old cgroup is released soon after. A failure is explained in the
 * kernel log, except -ENOMEM.
 *
 * Context: may sleep; takes parents_lock; after parents_init().
 * Return: 0, -EINVAL, -EOPNOTSUPP where the target's calls are about no cgroup,
 * -EINTR where the task is killed as it waits for the lock, or what
 * cgroup_name_get() says.
 */
int scope_set(enum scope_part part, char *text, size_t len)
{
	struct cgroup_name *new, *old;
	int err;

	err = name_cgroup(part, text, len, &new);
	if (err)
		return err;
	if (mutex_lock_killable(&parents_lock)) {
		cgroup_name_put(new);
		return -EINTR;
	}
	old = rcu_replace_pointer(scope[part], new,
				  lockdep_is_held(&parents_lock));
	lookup_set_scoped(scope_is_set());
	mutex_unlock(&parents_lock);
	cgroup_name_put_rcu(old);
	return 0;
}

/**
 * scope_exit() - release the cgroups
 *
 * Context: may sleep. No handler can be running or begin any more.
 */
void scope_exit(void)
{
	enum scope_part part;

	for (part = 0; part < SCOPE_PARTS; part++)
		cgroup_name_put(rcu_replace_pointer(scope[part], NULL, true));
}
