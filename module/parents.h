/* SPDX-License-Identifier: GPL-2.0 */
/* The listed parents: their ranges, switches and counters. */
#ifndef _MEMEVENTS_HOOK_PARENTS_H
#define _MEMEVENTS_HOOK_PARENTS_H

#include <linux/compiler.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>

#include "call_sites.h"
#include "symbol.h"

/* As many parents can be listed. */
#define PARENTS_MAX 256

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

/**
 * struct parent - a function whose calls to the target have a row of their own
 * @redirect: do its calls go to the replacement? Written at any time, by
 *	anyone; the handler reads it once a call
 * @counters: written by the handler alone, and never reset
 * @reset_at: what the counters stood at when they were last reset. Written
 *	under parents_lock
 * @range: its text
 * @sites: its direct calls to the target, ascending
 * @nr_sites: their number
 * @cached: one entry of the handler's cache for each of @sites
 * @dir: its directory; control's own
 * @name: its symbol; empty for the row of the others
 * @rcu: frees it when no handler can hold it
 */
struct parent {
	bool redirect;
	struct parent_counters __percpu *counters;
	struct parent_counters reset_at;
	struct symbol_range range;
	struct call_site *sites;
	unsigned int nr_sites;
	struct parent_site *cached;
	struct dentry *dir;
	const char *name;
	struct rcu_head rcu;
};

/**
 * struct parent_site - an entry of the handler's cache: the parent of one return address
 * @parent_ip: the return address; 0 for none
 * @parent: whose it is
 */
struct parent_site {
	unsigned long parent_ip;
	struct parent *parent;
};

/**
 * struct parents_table - the listed parents as the handler searches them
 * @nobody: a return address that the search found in no row; 0 for none. All
 *	CPUs share it, so it is written only where it changes
 * @nr: number of @rows
 * @rcu: frees it when no handler can hold it
 * @rows: ascending. The first covers whatever lies below all parents: its
 *	start is 0, so that a search always ends on a row, and its parent's
 *	range is empty
 */
struct parents_table {
	unsigned long nobody;
	unsigned int nr;
	struct rcu_head rcu;
	struct parents_row {
		unsigned long start;
		struct parent *parent;
	} rows[];
};

/* Indexed by the low byte of the return address; no entry is NULL. */
#define PARENT_SITES 256

extern struct mutex parents_lock;
extern struct parent parents_other;
extern const struct parent_site *parent_sites[PARENT_SITES];
extern struct parents_table __rcu *parents_table;

struct parent *parents_search(unsigned long parent_ip);

/**
 * parents_cached() - look a return address up without a search
 * @parent_ip: the return address
 * @parent: set to the parent it belongs to; untouched where not known
 *
 * Known are the return addresses of the listed parents' decoded calls, and the
 * last one that was found to be nobody's. The ranges are the truth: a miss
 * means nothing, parents_search() is to be asked, and a hit is what it would
 * have answered. The note of nobody's is one table's, and so cannot outlive
 * the list it was true of.
 *
 * Context: the handler; must not sleep voluntarily while it uses the result.
 * Return: true where known.
 */
static __always_inline bool parents_cached(unsigned long parent_ip,
					   struct parent **parent)
{
	const struct parent_site *site =
		READ_ONCE(parent_sites[parent_ip % PARENT_SITES]);

	if (likely(site->parent_ip == parent_ip)) {
		*parent = site->parent;
		return true;
	}
	if (READ_ONCE(rcu_dereference_raw(parents_table)->nobody) ==
	    parent_ip) {
		*parent = &parents_other;
		return true;
	}
	return false;
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

int parents_init(unsigned long target_start);
void parents_exit(void);

struct parent *parents_add(const char *name, bool redirect);
struct parent *parents_find(const char *name);
void parents_remove(struct parent *parent);
void parents_reset(void);

struct parent *parents_nth(unsigned int n);
unsigned long parents_other_last(void);

void parent_set_redirect(struct parent *parent, bool redirect);
unsigned long parent_hits(const struct parent *parent,
			  unsigned long *redirected);

#endif /* _MEMEVENTS_HOOK_PARENTS_H */
