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

static int find_sites(struct parent *parent, unsigned long target)
{
	int i, nr;

	nr = call_sites_find(&parent->range, target, &parent->sites);
	if (nr <= 0)
		return nr;

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

/**
 * parent_alloc() - make a parent that no handler knows of yet
 * @name: its symbol
 * @redirect: are its calls redirected, or only counted?
 * @target: address of the target's first byte, to look for calls to it
 *
 * Why it failed is said in the kernel log, but for want of memory.
 *
 * Context: may sleep.
 * Return: the parent, for parent_free(), or ERR_PTR() of -ENOMEM or what
 * symbol_find() says.
 */
struct parent *parent_alloc(const char *name, bool redirect,
			    unsigned long target)
{
	struct parent *parent;
	int err;

	parent = kzalloc(sizeof(*parent), GFP_KERNEL);
	if (!parent)
		return ERR_PTR(-ENOMEM);

	assign_bit(PARENT_REDIRECT, &parent->flags, redirect);
	err = symbol_find(name, &parent->range);
	if (err)
		goto err_free;

	err = -ENOMEM;
	parent->name = kstrdup(name, GFP_KERNEL);
	parent->counters = alloc_percpu(struct parent_counters);
	if (!parent->name || !parent->counters)
		goto err_free;

	err = find_sites(parent, target);
	if (err)
		goto err_free;
	return parent;

err_free:
	parent_free(parent);
	return ERR_PTR(err);
}

/**
 * parent_set_redirect() - switch a parent between redirecting and counting only
 * @parent: the parent
 * @redirect: the new state
 *
 * The last barrier makes it seen: a call that begins after this has returned, on
 * any CPU, goes the new way.
 *
 * Context: any.
 */
void parent_set_redirect(struct parent *parent, bool redirect)
{
	/* Pairs with parent_redirects(). */
	smp_mb__before_atomic();
	assign_bit(PARENT_REDIRECT, &parent->flags, redirect);
	/* Pairs with whatever tells the caller of the target that we are done. */
	smp_mb__after_atomic();
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
 * The order matters: who sees where the counter stood at a reset must then see
 * a sum at least as large, or the difference would be negative.
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
 * @parent: the parent, or &parents_other
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
 * @parent: the parent, or &parents_other
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
