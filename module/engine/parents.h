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
extern const unsigned long *parents_nobody;
extern struct parents_table __rcu *parents_table;

struct parent *parents_search(unsigned long parent_ip);

/**
 * parents_cached() - look a return address up without a search
 * @parent_ip: the return address
 * @parent: set to the parent it belongs to; untouched where not known
 *
 * Known are the return addresses of the listed parents' decoded calls, but none
 * while the cache is bypassed. The ranges are the truth: a miss means nothing,
 * parents_search() is to be asked, and a hit is what it would have answered.
 *
 * Context: the handler; must not sleep voluntarily while it uses the result.
 * Return: true where known.
 */
static __always_inline bool parents_cached(unsigned long parent_ip,
					   struct parent **parent)
{
	const struct parent_site *site =
		READ_ONCE(parent_sites[parent_ip % PARENT_SITES]);

	if (site->parent_ip != parent_ip)
		return false;
	*parent = site->parent;
	return true;
}

/**
 * parents_is_nobodys() - is a return address known to be in no listed parent?
 * @parent_ip: the return address
 *
 * The last one that parents_search() did not find is known, but none while the
 * cache is bypassed. The note is one table's, and so cannot outlive the list it
 * was true of.
 *
 * Context: the handler.
 * Return: true where it is; false says nothing.
 */
static __always_inline bool parents_is_nobodys(unsigned long parent_ip)
{
	return READ_ONCE(*READ_ONCE(parents_nobody)) == parent_ip;
}

int parents_init(unsigned long target_start);
void parents_exit(void);

struct parent *parents_add(const char *name, bool redirect);
struct parent *parents_find(const char *name);
void parents_remove(struct parent *parent);
void parents_reset(void);

struct parent *parents_nth(unsigned int n);
unsigned long parents_other_last(void);

int parents_bypass_cache(void);
void parents_use_cache(void);

#endif /* _MEMEVENTS_HOOK_PARENTS_H */
