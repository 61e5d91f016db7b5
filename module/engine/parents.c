// SPDX-License-Identifier: GPL-2.0
/*
 * The handler looks up the parent of every call without a lock, while parents
 * are added, removed and reset. What makes that safe:
 *
 * - The table of ranges is never changed. Adding or removing makes a new one,
 *   publishes it whole, and leaves the old one to RCU. A handler works on the
 *   one or the other, and in both every parent that stays has its row: no call
 *   is lost or counted twice.
 *
 * - A handler may be preempted, so it is no reader of ordinary RCU; but like
 *   everything that runs in a trampoline of ftrace it is one of tasks RCU,
 *   because it never sleeps voluntarily (what that takes of it where there is no
 *   tasks RCU says compat_handler_enter()). So tables and parents are freed by
 *   call_rcu_tasks(), when every task that could have had them in hand has
 *   gone through a voluntary sleep or user space since.
 *
 * - The cache entries point to a parent and are freed with it; they are taken
 *   out of the cache before. A handler that still finds an entry counts a call
 *   in flight for a parent that is being removed. In the same way the note of a
 *   caller that is nobody's is part of a table: a handler that still looks at
 *   the old one counts a call in flight while its parent is being added.
 */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "compat.h"
#include "parents.h"
#include "refuse.h"

/* Held by whoever changes the list or walks it. */
DEFINE_MUTEX(parents_lock);
/*
 * Held too while a table is published and the cache brought in line with it, and
 * no longer. The tracepoint takes it alone: there the kernel's own lock of
 * tracepoints is held, which in turn is taken with ftrace's, and ftrace's with
 * those of kprobes, where adding a parent holds parents_lock.
 */
static DEFINE_MUTEX(publish_lock);

struct parents_table __rcu *parents_table;
static unsigned long target;
/* Is the cache to be left empty? Under publish_lock. */
static bool bypass;

static const struct parent_site no_site;
const struct parent_site *parent_sites[PARENT_SITES] = {
	[0 ... PARENT_SITES - 1] = &no_site,
};

static const unsigned long no_note;
const unsigned long *parents_nobody = &no_note;

static DEFINE_PER_CPU(struct parent_counters, other_counters);
/* What earlier tables had noted; under parents_lock. */
static unsigned long other_last;

/* The row for calls from outside every listed parent. */
struct parent parents_other = {
	.counters = &other_counters,
	.name = "",
};

static struct parents_table *table_locked(void)
{
	return rcu_dereference_protected(parents_table,
					 lockdep_is_held(&parents_lock));
}

/**
 * parents_search() - find the parent of a call that is not in the cache
 * @parent_ip: the call's return address
 *
 * A return address belongs to the call before it: it may be the first byte
 * behind the parent, where the call is the parent's last instruction.
 *
 * Context: the handler; must not sleep voluntarily while it uses the result.
 * Return: the parent; for a call from none that is listed &parents_other,
 * having noted the caller in the table.
 */
noinline notrace struct parent *parents_search(unsigned long parent_ip)
{
	struct parents_table *t = rcu_dereference_raw(parents_table);
	const unsigned long call = parent_ip - 1;
	const struct parents_row *row = t->rows;
	unsigned int nr = t->nr;

	while (nr > 1) {
		const unsigned int half = nr / 2;

		if (row[half].start <= call)
			row += half;
		nr -= half;
	}
	if (call < row->parent->range.end)
		return row->parent;

	if (READ_ONCE(t->nobody) != parent_ip)
		WRITE_ONCE(t->nobody, parent_ip);
	return &parents_other;
}

/*
 * Bring the cache in line with a table: first come, first served. While it is
 * bypassed, a search goes on noting callers in the table, but the note spares
 * no call its search.
 */
static void cache_publish(const struct parents_table *t)
{
	static const struct parent_site
		*sites[PARENT_SITES]; /* under publish_lock */
	unsigned int i, j;

	for (i = 0; i < PARENT_SITES; i++)
		sites[i] = &no_site;
	for (i = 1; i < t->nr && !bypass; i++) {
		const struct parent *parent = t->rows[i].parent;

		for (j = 0; j < parent->nr_sites; j++) {
			const struct parent_site *site = &parent->cached[j];
			const struct parent_site **slot =
				&sites[site->parent_ip % PARENT_SITES];

			if (!parent->sites[j].tail && *slot == &no_site)
				*slot = site;
		}
	}
	for (i = 0; i < PARENT_SITES; i++) {
		if (parent_sites[i] == sites[i])
			continue;
		/* Pairs with the address dependency in parents_cached(). */
		smp_store_release(&parent_sites[i], sites[i]);
	}
	/* Pairs with the address dependency in parents_is_nobodys(). */
	smp_store_release(&parents_nobody, bypass ? &no_note : &t->nobody);
	/* Pairs with whatever tells the caller of the target that we are done. */
	smp_mb();
}

static void table_free(struct rcu_head *rcu)
{
	kfree(container_of(rcu, struct parents_table, rcu));
}

static struct parents_table *table_alloc(unsigned int nr)
{
	struct parents_table *t = kzalloc(struct_size(t, rows, nr), GFP_KERNEL);

	if (t) {
		t->nr = nr;
		t->rows[0].parent = &parents_other;
	}
	return t;
}

static void table_publish(struct parents_table *new)
{
	struct parents_table *old = table_locked();

	mutex_lock(&publish_lock);
	rcu_assign_pointer(parents_table, new);
	cache_publish(new);
	mutex_unlock(&publish_lock);
	/* A call in flight may yet note its caller in the old table: too late. */
	other_last = READ_ONCE(old->nobody) ?: other_last;
	call_rcu_tasks(&old->rcu, table_free);
}

/* Rows with the parent put in, or ERR_PTR() where its range is taken or memory lacks. */
static struct parents_table *table_with(struct parent *parent)
{
	const struct parents_table *old = table_locked();
	struct parents_table *new;
	unsigned int i, at;

	for (i = 1, at = 1; i < old->nr; i++) {
		const struct parent *listed = old->rows[i].parent;

		if (symbol_range_overlaps(&listed->range, &parent->range)) {
			refuse("%s: the same code is listed as %s\n",
			       parent->name, listed->name);
			return ERR_PTR(-EEXIST);
		}
		if (listed->range.start < parent->range.start)
			at = i + 1;
	}

	new = table_alloc(old->nr + 1);
	if (!new)
		return ERR_PTR(-ENOMEM);
	memcpy(new->rows, old->rows, at * sizeof(*new->rows));
	new->rows[at].start = parent->range.start;
	new->rows[at].parent = parent;
	memcpy(new->rows + at + 1, old->rows + at,
	       (old->nr - at) * sizeof(*new->rows));
	return new;
}

/*
 * Rows with the parent taken out. A removal must not fail for want of memory,
 * since the error paths of adding depend on it.
 */
static struct parents_table *table_without(const struct parent *parent)
{
	const struct parents_table *old = table_locked();
	struct parents_table *new;
	unsigned int i, n = 0;

	new = kzalloc(struct_size(new, rows, old->nr - 1),
		      GFP_KERNEL | __GFP_NOFAIL);
	for (i = 0; i < old->nr; i++)
		if (old->rows[i].parent != parent)
			new->rows[n++] = old->rows[i];
	new->nr = n;
	return new;
}

/**
 * parents_add() - list a parent
 * @name: its symbol
 * @redirect: are its calls redirected, or only counted?
 *
 * Why it failed is said in the kernel log. After a failure the list is as before.
 *
 * Context: may sleep; parents_lock is held.
 * Return: the parent, or ERR_PTR() of -EEXIST (it or its code is listed
 * already), -ENOSPC, -ENOMEM or what symbol_find() says.
 */
struct parent *parents_add(const char *name, bool redirect)
{
	struct parents_table *new;
	struct parent *parent;

	lockdep_assert_held(&parents_lock);

	if (parents_find(name)) {
		refuse("%s: listed already\n", name);
		return ERR_PTR(-EEXIST);
	}
	if (table_locked()->nr > PARENTS_MAX) {
		refuse("%s: %d parents are listed already\n", name,
		       PARENTS_MAX);
		return ERR_PTR(-ENOSPC);
	}

	parent = parent_alloc(name, redirect, target);
	if (IS_ERR(parent))
		return parent;

	new = table_with(parent);
	if (IS_ERR(new)) {
		parent_free(parent);
		return ERR_CAST(new);
	}
	table_publish(new);
	return parent;
}

static void parent_free_rcu(struct rcu_head *rcu)
{
	parent_free(container_of(rcu, struct parent, rcu));
}

/**
 * parents_remove() - take a parent off the list
 * @parent: the parent; freed with its counters when no handler can hold it
 *
 * Context: may sleep; parents_lock is held.
 */
void parents_remove(struct parent *parent)
{
	lockdep_assert_held(&parents_lock);

	table_publish(table_without(parent));
	call_rcu_tasks(&parent->rcu, parent_free_rcu);
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
	const struct parents_table *t = table_locked();

	return n + 1 < t->nr ? t->rows[n + 1].parent : NULL;
}

/**
 * parents_other_last() - the last call from outside every listed parent
 *
 * Context: parents_lock is held.
 * Return: its return address; 0 for none since the last reset.
 */
unsigned long parents_other_last(void)
{
	return READ_ONCE(table_locked()->nobody) ?: other_last;
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

	lockdep_assert_held(&parents_lock);

	for (i = 0; (parent = parents_nth(i)); i++)
		parent_reset(parent);

	other_last = 0;
	WRITE_ONCE(table_locked()->nobody, 0);
	parent_reset(&parents_other);
}

static void set_bypass(bool to)
{
	const struct parents_table *t;

	mutex_lock(&publish_lock);
	bypass = to;
	t = rcu_dereference_protected(parents_table,
				      lockdep_is_held(&publish_lock));
	if (t)
		cache_publish(t);
	mutex_unlock(&publish_lock);
}

/**
 * parents_bypass_cache() - have every call searched for
 *
 * Until parents_use_cache(). A call that begins after this has returned, on any
 * CPU, is not in the cache.
 *
 * Context: may sleep. Before parents_init() and after parents_exit() too: it is
 * the tracepoint that calls this, and a module's events can be used from before
 * its init until after its exit.
 * Return: 0.
 */
int parents_bypass_cache(void)
{
	set_bypass(true);
	return 0;
}

/**
 * parents_use_cache() - end parents_bypass_cache()
 *
 * Context: as there.
 */
void parents_use_cache(void)
{
	set_bypass(false);
}

/**
 * parents_init() - start with an empty list
 * @target_start: address of the target's first byte, to look for calls to it
 *
 * Context: module init, before the handler can run.
 * Return: 0 or -ENOMEM.
 */
int parents_init(unsigned long target_start)
{
	struct parents_table *empty = table_alloc(1);

	if (!empty)
		return -ENOMEM;
	target = target_start;
	mutex_lock(&publish_lock);
	rcu_assign_pointer(parents_table, empty);
	cache_publish(empty);
	mutex_unlock(&publish_lock);
	return 0;
}

/**
 * parents_exit() - free the list and every parent on it
 *
 * Context: may sleep. No handler can be running or begin any more.
 */
void parents_exit(void)
{
	struct parents_table *t =
		rcu_dereference_protected(parents_table, true);
	unsigned int i;

	mutex_lock(&publish_lock);
	RCU_INIT_POINTER(parents_table, NULL);
	WRITE_ONCE(parents_nobody, &no_note);
	mutex_unlock(&publish_lock);

	/* The callbacks of earlier removals are code of this module. */
	compat_rcu_barrier_tasks();

	for (i = 1; i < t->nr; i++)
		parent_free(t->rows[i].parent);
	kfree(t);
}
