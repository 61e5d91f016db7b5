/* SPDX-License-Identifier: GPL-2.0 */
/* One parent: its range, its switch and its counters. */
#ifndef _MEMEVENTS_HOOK_PARENT_H
#define _MEMEVENTS_HOOK_PARENT_H

#include <linux/atomic.h>
#include <linux/percpu.h>
#include <linux/types.h>

#include "call_sites.h"
#include "compat.h"
#include "symbol.h"

/**
 * struct parent_counters - one CPU's count of the calls from one parent
 * @calls: [false] those that went on to the target, [true] those redirected
 *
 * Every call adds one to exactly one of them, so hits, their sum, can never
 * be seen below redirected.
 */
struct parent_counters {
	unsigned long calls[2];
};

struct dentry;
struct parent;

/* The one bit in the flags of a parent and of a site: redirect its calls? */
#define PARENT_REDIRECT 0

/* Of a parent's times: as many calls as come may be redirected. */
#define PARENT_NO_LIMIT (-1)

/**
 * struct parent_site - an entry of lookup_known and lookup_cache: one return address
 * @parent_ip: the return address
 * @parent: whose it is
 * @flags: whether a handler that found the site redirects the call, without a
 *	closer look. Changed only by parent_settle_sites()
 */
struct parent_site {
	unsigned long parent_ip;
	struct parent *parent;
	unsigned long flags;
};

/**
 * struct parent - a function whose calls to the target have a row of their own
 * @flags: whether its calls are redirected. Written under parents_lock
 * @times: how many more calls may be redirected; PARENT_NO_LIMIT. Taken from by
 *	the handler, written under parents_lock
 * @counters: written by the handler alone, and never reset
 * @reset_at: what the counters stood at when they were last reset. Written
 *	under parents_lock
 * @range: its text
 * @sites: its direct calls to the target, ascending; where that is inlined into it,
 *	its entry
 * @nr_sites: their number
 * @cold_calls: number of direct calls to the target in the part of it that the
 *	compiler moved away as unlikely, which is a symbol of its own
 * @cached: one entry of the handler's cache for each of @sites
 * @dir: its directory; control's own
 * @name: its symbol; empty for the row of the others, NULL for the hidden row
 * @rcu: frees it when no handler can hold it
 */
struct parent {
	unsigned long flags;
	atomic_t times;
	struct parent_counters __percpu *counters;
	struct parent_counters reset_at;
	struct symbol_range range;
	struct call_site *sites;
	unsigned int nr_sites;
	unsigned int cold_calls;
	struct parent_site *cached;
	struct dentry *dir;
	const char *name;
	struct rcu_head rcu;
};

/**
 * parent_redirects() - do a parent's calls go to the replacement?
 * @parent: the parent
 *
 * A handler that sees the redirection on also sees the replacement that was chosen, and the
 * scope and the budget that were set, before it was switched on.
 *
 * Context: any, the handler among them.
 * Return: true where they do; that may be over already.
 */
static __always_inline bool parent_redirects(const struct parent *parent)
{
	/* Pairs with the barrier in set_flag(). */
	return compat_test_bit_acquire(PARENT_REDIRECT, &parent->flags);
}

/**
 * parent_site_redirects() - the same of a site that was found in the cache
 * @site: the site
 *
 * Context: the handler.
 * Return: true where the call goes to the replacement.
 */
static __always_inline bool
parent_site_redirects(const struct parent_site *site)
{
	/* Pairs with the barrier in set_flag(). */
	return compat_test_bit_acquire(PARENT_REDIRECT, &site->flags);
}

/**
 * parent_count() - count one call
 * @parent: the row it goes to
 * @redirect: was it redirected?
 *
 * Context: the handler, on any CPU, preemptible or not; writes nothing that
 * CPUs share.
 */
static __always_inline void parent_count(struct parent *parent, bool redirect)
{
	this_cpu_inc(parent->counters->calls[redirect]);
}

/**
 * parent_take_time() - take one of the calls that may still be redirected
 * @parent: the parent
 *
 * Exact on any number of CPUs: of N concurrent calls at most as many succeed as
 * may be redirected. See litmus/budget-take and litmus/budget-set.
 *
 * Context: the handler.
 * Return: true where the call may be redirected.
 */
static __always_inline bool parent_take_time(struct parent *parent)
{
	int times = atomic_read(&parent->times);

	do {
		if (times <= 0)
			return times == PARENT_NO_LIMIT;
	} while (!atomic_try_cmpxchg(&parent->times, &times, times - 1));
	return true;
}

struct parent *parent_alloc(const char *name, bool redirect,
			    const struct symbol_range *target);
void parent_free(struct parent *parent);
void parent_free_rcu(struct parent *parent);

void parent_set_redirect(struct parent *parent, bool redirect);
bool parent_settle_sites(struct parent *parent, bool scoped);
unsigned long parent_hits(const struct parent *parent,
			  unsigned long *redirected);
void parent_reset(struct parent *parent);

#endif /* _MEMEVENTS_HOOK_PARENT_H */
