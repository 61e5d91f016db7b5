/* SPDX-License-Identifier: GPL-2.0 */
/* The list of parents: what the handler looks up. */
#ifndef _MEMEVENTS_HOOK_PARENTS_H
#define _MEMEVENTS_HOOK_PARENTS_H

#include <linux/compiler.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>

#include "parent.h"

/* As many parents can be listed. */
#define PARENTS_MAX 256

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

int parents_init(unsigned long target_start);
void parents_exit(void);

struct parent *parents_add(const char *name, bool redirect);
struct parent *parents_find(const char *name);
void parents_remove(struct parent *parent);
void parents_reset(void);

struct parent *parents_nth(unsigned int n);
unsigned long parents_other_last(void);

#endif /* _MEMEVENTS_HOOK_PARENTS_H */
