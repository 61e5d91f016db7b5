/* SPDX-License-Identifier: GPL-2.0 */
/* Where a function calls the target, found by decoding its body. */
#ifndef _MEMEVENTS_HOOK_CALL_SITES_H
#define _MEMEVENTS_HOOK_CALL_SITES_H

#include <linux/types.h>

#include "symbol.h"

/**
 * enum call_site_kind - what an instruction that leads to the target is
 * @CALL_SITE_CALL: a call
 * @CALL_SITE_TAIL: a jump; the target then returns to the caller's caller, so
 *	the handler cannot know the caller by its return address
 * @CALL_SITE_PROBED: either: a kprobe's breakpoint stands on the opcode
 * @CALL_SITE_ENTRY: the first byte of a function that the target is inlined into:
 *	a call of it stands for the call that it would make
 */
enum call_site_kind {
	CALL_SITE_CALL,
	CALL_SITE_TAIL,
	CALL_SITE_PROBED,
	CALL_SITE_ENTRY,
};

/**
 * struct call_site - one direct call or jump to the target
 * @addr: address of the instruction
 * @return_ip: address behind it: the parent_ip that a call from here has; of an
 *	entry, the function's address, which nobody uses
 * @kind: what it is
 */
struct call_site {
	unsigned long addr;
	unsigned long return_ip;
	enum call_site_kind kind;
};

/**
 * call_site_of_entry() - what stands for a call in a function that is itself hooked
 * @function: where it is
 *
 * Return: its entry.
 */
static inline struct call_site
call_site_of_entry(const struct symbol_range *function)
{
	return (struct call_site){
		.addr = function->start,
		.return_ip = function->start,
		.kind = CALL_SITE_ENTRY,
	};
}

const char *call_site_kind_name(enum call_site_kind kind);
int call_sites_find(const struct symbol_range *range, unsigned long target,
		    struct call_site **sites);
void call_sites_look_under_probes(struct call_site *sites, unsigned int nr);
unsigned long call_site_before(unsigned long return_ip);

#endif /* _MEMEVENTS_HOOK_CALL_SITES_H */
