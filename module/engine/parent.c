// SPDX-License-Identifier: GPL-2.0
/*
 * Counters are per CPU and only ever grow: a reset notes where they stand, so
 * it cannot lose a call that comes meanwhile.
 */
#include <linux/bitops.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "parent.h"

/**
 * parent_free() - free a parent
 * @parent: the parent, whole or as far as it was made; no handler can hold it
 *
 * Context: any but a hard interrupt's.
 */
void parent_free(struct parent *parent)
{
	free_percpu(parent->counters);
	kfree(parent->cached);
	kfree(parent->sites);
	kfree(parent->name);
	kfree(parent);
}

static void free_callback(struct rcu_head *rcu)
{
	parent_free(container_of(rcu, struct parent, rcu));
}

/**
 * parent_free_rcu() - free a parent when no handler can hold it any more
 * @parent: the parent; it is on no list, and its files are gone
 *
 * Freed at once, it would be used after: see test_a_parent_in_use().
 *
 * See litmus/parent-free.
 *
 * Context: any but a hard interrupt's.
 */
void parent_free_rcu(struct parent *parent)
{
	call_rcu_tasks(&parent->rcu, free_callback);
}

static int entry_site(struct parent *parent)
{
	parent->sites = kmalloc(sizeof(*parent->sites), GFP_KERNEL);
	if (!parent->sites)
		return -ENOMEM;
	*parent->sites = call_site_of_entry(&parent->range);
	return 1;
}

static int find_sites(struct parent *parent, const struct symbol_range *target)
{
	int i, nr;

	if (target)
		nr = call_sites_find(&parent->range, target->start,
				     &parent->sites);
	else
		nr = entry_site(parent);
	if (nr <= 0)
		return nr;

	call_sites_look_under_probes(parent->sites, nr);
	parent->nr_sites = nr;
	parent->cached = kcalloc(nr, sizeof(*parent->cached), GFP_KERNEL);
	if (!parent->cached)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		parent->cached[i].parent_ip = parent->sites[i].return_ip;
		parent->cached[i].parent = parent;
	}
	return 0;
}

/* gcc names the part of a function that it takes for unlikely so. */
static int count_cold_calls(struct parent *parent,
			    const struct symbol_range *target)
{
	struct call_site *sites;
	struct symbol_range cold;
	char *name;
	int nr = 0;

	if (!target)
		return 0;
	name = kasprintf(GFP_KERNEL, "%s.cold", parent->name);
	if (!name)
		return -ENOMEM;
	if (!symbol_look_up(name, &cold)) {
		nr = call_sites_find(&cold, target->start, &sites);
		if (nr > 0)
			kfree(sites);
	}
	kfree(name);
	if (nr < 0)
		return nr;
	parent->cold_calls = nr;
	return 0;
}

/**
 * parent_alloc() - make a parent that no handler knows of yet
 * @name: its symbol
 * @redirect: are its calls redirected, or only counted?
 * @target: where the target is, to look for calls to it; NULL where it is inlined
 *
 * A failure is explained in the kernel log, except -ENOMEM.
 *
 * Context: may sleep, for a few grace periods.
 * Return: the parent, for parent_free(), or ERR_PTR() of -ENOMEM or what
 * symbol_find() says.
 */
struct parent *parent_alloc(const char *name, bool redirect,
			    const struct symbol_range *target)
{
	struct parent *parent;
	int err;

	parent = kzalloc(sizeof(*parent), GFP_KERNEL);
	if (!parent)
		return ERR_PTR(-ENOMEM);

	assign_bit(PARENT_REDIRECT, &parent->flags, redirect);
	atomic_set(&parent->times, PARENT_NO_LIMIT);
	err = symbol_find(name, &parent->range);
	if (err)
		goto err_free;

	err = -ENOMEM;
	parent->name = kstrdup(name, GFP_KERNEL);
	parent->counters = alloc_percpu(struct parent_counters);
	if (!parent->name || !parent->counters)
		goto err_free;

	err = find_sites(parent, target);
	if (!err)
		err = count_cold_calls(parent, target);
	if (err)
		goto err_free;
	return parent;

err_free:
	parent_free(parent);
	return ERR_PTR(err);
}

static void set_flag(unsigned long *flags, bool redirect)
{
	/*
	 * Pairs with compat_test_bit_acquire() in what reads the flag: see
	 * litmus/redirect-replacement and litmus/scope-redirect.
	 */
	smp_mb__before_atomic();
	assign_bit(PARENT_REDIRECT, flags, redirect);
	/*
	 * Pairs with whatever tells a caller of the target that the write is done:
	 * see litmus/redirect-seen and litmus/redirect-message.
	 */
	smp_mb__after_atomic();
}

/**
 * parent_set_redirect() - switch a parent between redirecting and counting only
 * @parent: the parent
 * @redirect: the new state
 *
 * The sites in the handler's cache follow with parent_settle_sites().
 *
 * Context: parents_lock is held.
 */
void parent_set_redirect(struct parent *parent, bool redirect)
{
	set_flag(&parent->flags, redirect);
}

/**
 * parent_settle_sites() - have a handler that finds a site do as the parent says
 * @parent: the parent
 * @scoped: are its calls redirected only within a scope?
 *
 * A handler that has found a site redirects by the site's flag alone, without a
 * look at scope and budget. So the sites of a parent that redirects within either
 * must not be cached. Their flags are not changed: a handler that found such a site
 * earlier acts on the state of that time. Before a site is cached again, this
 * function sets its flag to the state of now. See litmus/limited-site-kept and
 * litmus/limited-site-back.
 *
 * The last barrier makes a change seen: a call that begins after this has
 * returned, on any CPU, goes the new way.
 *
 * Context: parents_lock is held.
 * Return: true where the sites may be cached.
 */
bool parent_settle_sites(struct parent *parent, bool scoped)
{
	const bool redirect = parent_redirects(parent);
	unsigned int i;

	if (redirect &&
	    (scoped || atomic_read(&parent->times) != PARENT_NO_LIMIT))
		return false;
	for (i = 0; i < parent->nr_sites; i++)
		if (test_bit(PARENT_REDIRECT, &parent->cached[i].flags) !=
		    redirect)
			set_flag(&parent->cached[i].flags, redirect);
	return true;
}

static unsigned long sum(const struct parent *parent, bool redirected)
{
	unsigned long calls = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		const struct parent_counters *c =
			per_cpu_ptr(parent->counters, cpu);

		calls += READ_ONCE(c->calls[redirected]);
	}
	return calls;
}

/*
 * The order matters: a reader that sees where the counter stood at a reset must
 * then see a sum at least as large, or the difference would be negative: see
 * litmus/reset-hits and litmus/reset-redirected.
 */
static unsigned long calls_since_reset(const struct parent *parent,
				       bool redirected)
{
	unsigned long reset_at;

	/* Pairs with the smp_store_release() in parent_reset(). */
	reset_at = smp_load_acquire(&parent->reset_at.calls[redirected]);
	return sum(parent, redirected) - reset_at;
}

/**
 * parent_hits() - read a parent's counters
 * @parent: the parent, or &parent_other
 * @redirected: if not NULL, set to how many of the hits were redirected
 *
 * Context: any.
 * Return: the calls counted since the last reset.
 */
unsigned long parent_hits(const struct parent *parent,
			  unsigned long *redirected)
{
	const unsigned long calls = calls_since_reset(parent, true);

	if (redirected)
		*redirected = calls;
	return calls + calls_since_reset(parent, false);
}

/**
 * parent_reset() - let a parent's counters start from zero
 * @parent: the parent, or &parent_other
 *
 * A call that comes meanwhile counts before or after the reset.
 *
 * Context: any; one reset of a parent at a time.
 */
void parent_reset(struct parent *parent)
{
	int redirected;

	for (redirected = 0; redirected < 2; redirected++)
		/* Pairs with the smp_load_acquire() in calls_since_reset(). */
		smp_store_release(&parent->reset_at.calls[redirected],
				  sum(parent, redirected));
}
