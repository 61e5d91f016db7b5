// SPDX-License-Identifier: GPL-2.0
/*
 * The handler looks up the parent of every call without a lock, while parents
 * are added, removed and reset, and while the hook is switched. What makes that
 * safe:
 *
 * - A table is never changed. Adding or removing a parent makes a new one,
 *   publishes it whole, and has the old one freed by RCU. A handler works on one
 *   of the two, and every parent that stays has its row in both: no call is lost
 *   or counted twice. See litmus/table-publish and litmus/table-free.
 *
 * - A handler may be preempted, so it is not a reader of ordinary RCU. Like all
 *   code that runs in an ftrace trampoline it is a reader of tasks RCU, because
 *   it never sleeps voluntarily (route.h says what it does on kernels that have
 *   no tasks RCU). So tables, parents and the cgroups of a scope are freed by
 *   call_rcu_tasks().
 *
 * - A site points to a parent and is freed with it. It has left lookup_cache and
 *   lookup_known when the parent is handed to call_rcu_tasks(). A handler that
 *   still holds it counts a call in flight for a parent that is being removed. In
 *   the same way, a handler that still holds @last_unlisted of an old table counts
 *   a call in flight while its parent is being added. See litmus/unlisted-added
 *   and litmus/unlisted-free.
 *
 * - A site that is known but not in the cache has its calls looked at more
 *   closely: because of the tracepoint, a scope or a budget.
 *
 * - Until ftrace has granted the hook, and again before ftrace is asked to remove
 *   it, the handler finds the disarmed table: ftrace may call a handler whose
 *   registration it then refuses. Every search there ends on the hidden row, and
 *   no site is known.
 */
#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "lookup.h"
#include "parents.h"

/*
 * The address of a variable is the return address of no call, so these match
 * none.
 */
static const struct parent_site no_site = {
	.parent_ip = (unsigned long)&no_site,
};

static const unsigned long no_unlisted = (unsigned long)&no_unlisted;

/* The row for every call while the hook is disarmed. What it counts is never read. */
static DEFINE_PER_CPU(struct parent_counters, hidden_counters);
static struct parent hidden = {
	.counters = &hidden_counters,
};

static struct lookup_table disarmed = {
	.nr = 1,
	.rows = { { .parent = &hidden } },
};

/*
 * What the handler reads. lookup_known: the sites of decoded calls, one for each low
 * byte of a return address. lookup_cache: those of them that it may route without a
 * look at scope and budget.
 */
const struct parent_site *lookup_known[LOOKUP_SITES] = {
	[0 ... LOOKUP_SITES - 1] = &no_site,
};

const struct parent_site *lookup_cache[LOOKUP_SITES] = {
	[0 ... LOOKUP_SITES - 1] = &no_site,
};

const unsigned long *lookup_unlisted = &no_unlisted;
static struct lookup_table __rcu *in_use = (void __rcu *)&disarmed;

/* What decides on it; under parents_lock: see litmus/lock-refresh. */
static struct lookup_table *published;
static bool armed;
static bool scoped;
static bool bypass;
/* The last unlisted caller that earlier tables knew. */
static unsigned long earlier_unlisted;

/* The parent whose text has an address; NULL where that of no row has it. */
static __always_inline struct parent *find(const struct lookup_table *t,
					   unsigned long addr)
{
	const struct lookup_row *row = t->rows;
	unsigned int nr = t->nr;

	while (nr > 1) {
		const unsigned int half = nr / 2;

		if (row[half].start <= addr)
			row += half;
		nr -= half;
	}
	return addr < row->parent->range.end ? row->parent : NULL;
}

/**
 * lookup_function() - find the parent that a handler is called for itself
 * @ip: an address in its text
 *
 * Context: the handler; must not sleep voluntarily while it uses the result.
 * Return: the parent; NULL where it is not listed, or the hook is disarmed.
 */
noinline notrace struct parent *lookup_function(unsigned long ip)
{
	return find(rcu_dereference_raw(in_use), ip);
}

/**
 * lookup_search() - find the parent of a call by the ranges
 * @parent_ip: the call's return address
 *
 * A return address belongs to the call before it: it may be the first byte
 * behind the parent, where the call is the parent's last instruction.
 *
 * Context: the handler; must not sleep voluntarily while it uses the result.
 * Return: the parent. For a call from no listed parent &parent_other, and the
 * table has the caller as its last unlisted one. While the hook is disarmed a
 * parent without a name, for every call.
 */
noinline notrace struct parent *lookup_search(unsigned long parent_ip)
{
	struct lookup_table *t = rcu_dereference_raw(in_use);
	struct parent *parent = find(t, parent_ip - 1);

	if (parent)
		return parent;

	if (READ_ONCE(t->last_unlisted) != parent_ip)
		WRITE_ONCE(t->last_unlisted, parent_ip);
	return t->rows[0].parent;
}

/* An array of sites by the low bytes of their return addresses, as it is to be. */
struct sites {
	const struct parent_site *at[LOOKUP_SITES];
};

static void sites_clear(struct sites *sites)
{
	unsigned int i;

	for (i = 0; i < LOOKUP_SITES; i++)
		sites->at[i] = &no_site;
}

/* The first of several sites with the same low byte stays. */
static void sites_add(struct sites *sites, const struct parent *parent)
{
	unsigned int i;

	for (i = 0; i < parent->nr_sites; i++) {
		const struct parent_site *site = &parent->cached[i];
		const struct parent_site **slot =
			&sites->at[site->parent_ip % LOOKUP_SITES];

		if (*slot == &no_site)
			*slot = site;
	}
}

static void sites_publish(const struct sites *sites,
			  const struct parent_site **array)
{
	unsigned int i;

	for (i = 0; i < LOOKUP_SITES; i++) {
		if (array[i] == sites->at[i])
			continue;
		/*
		 * Pairs with the address dependency in lookup_cached() and
		 * lookup_parent(): see litmus/site-publish.
		 */
		smp_store_release(&array[i], sites->at[i]);
	}
}

/*
 * Bring what the handler finds in line with what was decided. A call that begins
 * after this has returned, on any CPU, finds it so. With parents_lock held, and a
 * table.
 */
static void lookup_refresh(void)
{
	static struct sites known, cache; /* under parents_lock */
	const bool use_cache = armed && !bypass;
	unsigned int i;

	lockdep_assert_held(&parents_lock);

	sites_clear(&known);
	sites_clear(&cache);
	for (i = 1; i < published->nr; i++) {
		struct parent *parent = published->rows[i].parent;
		const bool may_be_cached = parent_settle_sites(parent, scoped);

		if (armed)
			sites_add(&known, parent);
		if (use_cache && may_be_cached)
			sites_add(&cache, parent);
	}
	/* A handler that does not find a site finds the table that is meant. */
	rcu_assign_pointer(in_use, armed ? published : &disarmed);
	sites_publish(&known, lookup_known);
	sites_publish(&cache, lookup_cache);
	/* Pairs with the address dependency in lookup_is_last_unlisted(). */
	smp_store_release(&lookup_unlisted,
			  use_cache ? &published->last_unlisted : &no_unlisted);
	/* Pairs with whatever tells a caller of the target that the write is done. */
	smp_mb();
}

/* Does the cache hold a site of the parent? Those of other parents may fill it. */
static bool is_cached(const struct parent *parent)
{
	unsigned int i;

	for (i = 0; i < parent->nr_sites; i++) {
		const struct parent_site *site = &parent->cached[i];

		if (lookup_cache[site->parent_ip % LOOKUP_SITES] == site)
			return true;
	}
	return false;
}

/**
 * lookup_settle() - bring what the handler finds of one parent in line with its switches
 * @parent: the parent; listed or not
 *
 * A call that begins after this has returned, on any CPU, finds it so.
 *
 * Context: may sleep; parents_lock is held, and there is a table.
 */
void lookup_settle(struct parent *parent)
{
	lockdep_assert_held(&parents_lock);

	if (parent_settle_sites(parent, scoped) != is_cached(parent))
		lookup_refresh();
	/* Pairs with whatever tells a caller of the target that the write is done. */
	smp_mb();
}

/**
 * lookup_alloc() - make a table whose rows are still to be filled in
 * @nr: number of its rows
 * @gfp: how to allocate it
 *
 * Context: may sleep, as @gfp allows.
 * Return: the table, with its first row, for lookup_publish(); or NULL.
 */
struct lookup_table *lookup_alloc(unsigned int nr, gfp_t gfp)
{
	struct lookup_table *t = kzalloc(struct_size(t, rows, nr), gfp);

	if (t) {
		t->nr = nr;
		t->rows[0].parent = &parent_other;
	}
	return t;
}

/**
 * lookup_published() - the table of the listed parents
 *
 * Context: parents_lock is held.
 * Return: what lookup_publish() was last given.
 */
const struct lookup_table *lookup_published(void)
{
	lockdep_assert_held(&parents_lock);
	return published;
}

static void table_free(struct rcu_head *rcu)
{
	kfree(container_of(rcu, struct lookup_table, rcu));
}

/**
 * lookup_publish() - replace the table of the listed parents
 * @new: the new one; the old one is freed when no handler can hold it
 *
 * Context: may sleep; parents_lock is held.
 */
void lookup_publish(struct lookup_table *new)
{
	struct lookup_table *old = published;

	lockdep_assert_held(&parents_lock);

	published = new;
	lookup_refresh();
	if (!old)
		return;
	/*
	 * A call in flight may still write @last_unlisted of the old table: what it
	 * writes is lost. A table that is freed at once is used after it is freed:
	 * see test_a_table_in_use().
	 */
	earlier_unlisted = READ_ONCE(old->last_unlisted) ?: earlier_unlisted;
	call_rcu_tasks(&old->rcu, table_free);
}

/**
 * lookup_arm() - have calls counted and redirected, or neither
 * @to: true when ftrace has granted the hook; false before ftrace is asked to
 *	remove it
 *
 * Disarmed, as at the start, the handler counts nothing, redirects nothing and
 * reports nothing to the tracepoint.
 *
 * Context: may sleep; takes parents_lock.
 */
void lookup_arm(bool to)
{
	mutex_lock(&parents_lock);
	armed = to;
	lookup_refresh();
	mutex_unlock(&parents_lock);
}

/**
 * lookup_set_scoped() - have the calls of parents that redirect looked at closely, or not
 * @to: is redirection narrowed by a scope?
 *
 * A call that begins after this has returned, on any CPU, is routed so, by the
 * scope that was set before.
 *
 * Context: may sleep; parents_lock is held, and there is a table.
 */
void lookup_set_scoped(bool to)
{
	scoped = to;
	lookup_refresh();
}

static void set_bypass(bool to)
{
	mutex_lock(&parents_lock);
	bypass = to;
	if (published)
		lookup_refresh();
	mutex_unlock(&parents_lock);
}

/**
 * lookup_bypass_cache() - have every call take the slow way
 *
 * Until lookup_use_cache(). A call that begins after this has returned, on any
 * CPU, is not in the cache.
 *
 * Context: may sleep; takes parents_lock. Before parents_init() and after
 * parents_exit() too: it is the tracepoint that calls this, and a module's
 * events can be used from before its init until after its exit.
 * Return: 0.
 */
int lookup_bypass_cache(void)
{
	set_bypass(true);
	return 0;
}

/**
 * lookup_use_cache() - end lookup_bypass_cache()
 *
 * Context: as there.
 */
void lookup_use_cache(void)
{
	set_bypass(false);
}

/**
 * lookup_last_unlisted() - the last call from no listed parent
 *
 * Context: parents_lock is held.
 * Return: its return address; 0 for none since lookup_forget_unlisted().
 */
unsigned long lookup_last_unlisted(void)
{
	lockdep_assert_held(&parents_lock);
	return READ_ONCE(published->last_unlisted) ?: earlier_unlisted;
}

/**
 * lookup_forget_unlisted() - know of no unlisted caller any more
 *
 * Context: parents_lock is held.
 */
void lookup_forget_unlisted(void)
{
	lockdep_assert_held(&parents_lock);
	earlier_unlisted = 0;
	WRITE_ONCE(published->last_unlisted, 0);
}

/**
 * lookup_exit() - free the table
 *
 * Context: may sleep; parents_lock is held. No handler can be running or begin
 * any more, and the callbacks of earlier tables have run.
 */
void lookup_exit(void)
{
	lockdep_assert_held(&parents_lock);
	kfree(published);
	published = NULL;
}
