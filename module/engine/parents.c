// SPDX-License-Identifier: GPL-2.0
/*
 * The list of parents, under its lock. lookup.c publishes it to the handler.
 *
 * parents_lock is the innermost lock: no grace period is waited for, no file is removed
 * and no lock of ftrace, kprobes or tracepoints is taken while it is held. The
 * kernel holds its lock of tracepoints when lookup_bypass_cache() takes it.
 */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "compat.h"
#include "lookup.h"
#include "parents.h"

/* Held while the list is changed or walked, or what the handler finds is changed. */
DEFINE_MUTEX(parents_lock);

static DEFINE_PER_CPU(struct parent_counters, other_counters);

struct parent parent_other = {
	.counters = &other_counters,
	.name = "",
};

/* Rows with the parent put in; NULL where memory lacks. */
static struct lookup_table *table_with(struct parent *parent)
{
	const struct lookup_table *old = lookup_published();
	struct lookup_table *new;
	unsigned int at = 1;

	while (at < old->nr && old->rows[at].start < parent->range.start)
		at++;

	new = lookup_alloc(old->nr + 1, GFP_KERNEL);
	if (!new)
		return NULL;
	memcpy(new->rows, old->rows, at * sizeof(*new->rows));
	new->rows[at].start = parent->range.start;
	new->rows[at].parent = parent;
	memcpy(new->rows + at + 1, old->rows + at,
	       (old->nr - at) * sizeof(*new->rows));
	return new;
}

/* Rows with the parent taken out. A removal must not fail because memory is short. */
static struct lookup_table *table_without(const struct parent *parent)
{
	const struct lookup_table *old = lookup_published();
	struct lookup_table *new;
	unsigned int i, n = 0;

	new = lookup_alloc(old->nr - 1, GFP_KERNEL | __GFP_NOFAIL);
	for (i = 0; i < old->nr; i++)
		if (old->rows[i].parent != parent)
			new->rows[n++] = old->rows[i];
	return new;
}

/**
 * parents_check() - see whether a function could be listed
 * @name: its symbol
 * @range: where it is; NULL where that is not known yet
 *
 * Why not is said in the kernel log.
 *
 * Context: may sleep; parents_lock is held.
 * Return: 0, -EEXIST where it or its code is listed already, -ENOSPC.
 */
int parents_check(const char *name, const struct symbol_range *range)
{
	const struct parent *listed;
	unsigned int i;

	if (parents_find(name)) {
		pr_warn_ratelimited("%s: listed already\n", name);
		return -EEXIST;
	}
	for (i = 0; (listed = parents_nth(i)); i++) {
		if (range && symbol_range_overlaps(&listed->range, range)) {
			pr_warn_ratelimited(
				"%s: the same code is listed as %s\n", name,
				listed->name);
			return -EEXIST;
		}
	}
	if (i >= PARENTS_MAX) {
		pr_warn_ratelimited("%s: %d parents are listed already\n", name,
				    PARENTS_MAX);
		return -ENOSPC;
	}
	return 0;
}

/**
 * parents_add() - list a parent
 * @parent: the parent, which parents_check() has nothing against
 *
 * Context: may sleep; parents_lock is held.
 * Return: 0 or -ENOMEM, which leaves the list as it was.
 */
int parents_add(struct parent *parent)
{
	struct lookup_table *new = table_with(parent);

	if (!new)
		return -ENOMEM;
	lookup_publish(new);
	return 0;
}

/**
 * parents_remove() - take a parent off the list
 * @parent: the parent; handlers may hold it yet: see parent_free_rcu()
 *
 * Context: may sleep; parents_lock is held.
 */
void parents_remove(struct parent *parent)
{
	lookup_publish(table_without(parent));
}

/**
 * parents_find() - look a listed parent up by name
 * @name: its symbol
 *
 * Context: parents_lock is held.
 * Return: the parent, or NULL.
 */
struct parent *parents_find(const char *name)
{
	struct parent *parent;
	unsigned int i;

	for (i = 0; (parent = parents_nth(i)); i++)
		if (!strcmp(parent->name, name))
			return parent;
	return NULL;
}

/**
 * parents_nth() - walk the listed parents
 * @n: which one, by ascending start, from 0
 *
 * Context: parents_lock is held.
 * Return: the parent; NULL behind the last.
 */
struct parent *parents_nth(unsigned int n)
{
	const struct lookup_table *t = lookup_published();

	return n + 1 < t->nr ? t->rows[n + 1].parent : NULL;
}

/**
 * parents_set_redirect() - switch a parent between redirecting and counting only
 * @parent: the parent; listed, or about to be, or just removed
 * @redirect: the new state
 *
 * A call that begins after this has returned, on any CPU, goes the new way.
 *
 * Context: parents_lock is held.
 */
void parents_set_redirect(struct parent *parent, bool redirect)
{
	lockdep_assert_held(&parents_lock);

	parent_set_redirect(parent, redirect);
	lookup_settle(parent);
}

/**
 * parents_set_times() - set how many more calls of a parent may be redirected
 * @parent: the parent; listed, or about to be, or just removed
 * @times: their number, or PARENT_NO_LIMIT
 *
 * A call that begins after this has returned, on any CPU, goes the new way.
 *
 * Context: parents_lock is held.
 */
void parents_set_times(struct parent *parent, int times)
{
	lockdep_assert_held(&parents_lock);

	atomic_set(&parent->times, times);
	lookup_settle(parent);
}

/**
 * parents_reset() - let every counter start from zero, the others' too
 *
 * A call that comes meanwhile counts before or after the reset.
 *
 * Context: parents_lock is held.
 */
void parents_reset(void)
{
	struct parent *parent;
	unsigned int i;

	for (i = 0; (parent = parents_nth(i)); i++)
		parent_reset(parent);

	lookup_forget_unlisted();
	parent_reset(&parent_other);
}

/**
 * parents_init() - start with an empty list
 *
 * Context: module init, before the handler can run.
 * Return: 0 or -ENOMEM.
 */
int parents_init(void)
{
	struct lookup_table *empty = lookup_alloc(1, GFP_KERNEL);

	if (!empty)
		return -ENOMEM;
	mutex_lock(&parents_lock);
	lookup_publish(empty);
	mutex_unlock(&parents_lock);
	return 0;
}

/**
 * parents_exit() - free the list and every parent on it
 *
 * Context: may sleep. No handler can be running or begin any more.
 */
void parents_exit(void)
{
	struct parent *parent;
	unsigned int i;

	/*
	 * Callbacks of call_rcu_tasks() free removed parents, replaced tables and
	 * replaced scopes, and are code of this module: see
	 * litmus/unload-callbacks, and test_with_parents_just_removed().
	 */
	compat_rcu_barrier_tasks();

	mutex_lock(&parents_lock);
	for (i = 0; (parent = parents_nth(i)); i++)
		parent_free(parent);
	lookup_exit();
	mutex_unlock(&parents_lock);
}
