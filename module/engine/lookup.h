/* SPDX-License-Identifier: GPL-2.0 */
/* What the handler looks up: a return address to the row that counts the call. */
#ifndef _MEMEVENTS_HOOK_LOOKUP_H
#define _MEMEVENTS_HOOK_LOOKUP_H

#include <linux/compiler.h>
#include <linux/rcupdate.h>

#include "parent.h"

/**
 * struct lookup_table - the listed parents as the handler searches them
 * @last_unlisted: the last return address that a search found in no listed
 *	parent; 0 for none. All CPUs share it, so it is written only where it
 *	changes
 * @nr: number of @rows
 * @rcu: frees it when no handler can hold it
 * @rows: ascending by start. The first stands for every address that is in no
 *	listed parent: its start is 0, so that a search always ends on a row,
 *	and its parent's range is empty
 */
struct lookup_table {
	unsigned long last_unlisted;
	unsigned int nr;
	struct rcu_head rcu;
	struct lookup_row {
		unsigned long start;
		struct parent *parent;
	} rows[];
};

/* Indexed by the low byte of the return address; no entry is NULL. */
#define LOOKUP_SITES 256

extern const struct parent_site *lookup_cache[LOOKUP_SITES];
extern const struct parent_site *lookup_known[LOOKUP_SITES];
extern const unsigned long *lookup_unlisted;

struct parent *lookup_search(unsigned long parent_ip);
struct parent *lookup_function(unsigned long ip);

/**
 * lookup_cached() - look a return address up without a search
 * @parent_ip: the return address
 * @site: set to the site; not to be used where it is not known
 *
 * The cache holds return addresses of the listed parents' decoded calls, one for
 * each low byte, but not those of a parent whose calls need a closer look, and none
 * while the hook is disarmed or the tracepoint is on. After a miss lookup_parent()
 * is to be asked, and a hit is what it would have answered.
 *
 * Context: the handler; must not sleep voluntarily while it uses the result.
 * Return: true where known.
 */
static __always_inline bool lookup_cached(unsigned long parent_ip,
					  const struct parent_site **site)
{
	*site = READ_ONCE(lookup_cache[parent_ip % LOOKUP_SITES]);
	return (*site)->parent_ip == parent_ip;
}

/**
 * lookup_is_last_unlisted() - is a return address known to be in no listed parent?
 * @parent_ip: the return address
 *
 * The last one that lookup_search() did not find is known, but none while the
 * hook is disarmed or the tracepoint is on. It is a member of one table, and so
 * is never used with a list that it is not true of.
 *
 * Context: the handler.
 * Return: true where it is; false says nothing.
 */
static __always_inline bool lookup_is_last_unlisted(unsigned long parent_ip)
{
	return READ_ONCE(*READ_ONCE(lookup_unlisted)) == parent_ip;
}

/**
 * lookup_parent() - find the parent of a call that is not in the cache
 * @parent_ip: the call's return address
 *
 * While the hook is armed, lookup_known holds return addresses of decoded calls, one
 * for each low byte. A return address that it does not hold is searched for in the
 * parents' ranges. Both give the same parent.
 *
 * Context: the handler; must not sleep voluntarily while it uses the result.
 * Return: what lookup_search() returns.
 */
static __always_inline struct parent *lookup_parent(unsigned long parent_ip)
{
	const struct parent_site *site =
		READ_ONCE(lookup_known[parent_ip % LOOKUP_SITES]);

	if (site->parent_ip == parent_ip)
		return site->parent;
	return lookup_search(parent_ip);
}

struct lookup_table *lookup_alloc(unsigned int nr, gfp_t gfp);
const struct lookup_table *lookup_published(void);
void lookup_publish(struct lookup_table *new);
void lookup_settle(struct parent *parent);
void lookup_exit(void);

void lookup_arm(bool to);
void lookup_set_scoped(bool to);
int lookup_bypass_cache(void);
void lookup_use_cache(void);

unsigned long lookup_last_unlisted(void);
void lookup_forget_unlisted(void);

#endif /* _MEMEVENTS_HOOK_LOOKUP_H */
