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
 */
enum call_site_kind {
	CALL_SITE_CALL,
	CALL_SITE_TAIL,
	CALL_SITE_PROBED,
};

/**
 * struct call_site - one direct call or jump to the target
 * @addr: address of the instruction
 * @return_ip: address behind it: the parent_ip that a call from here has
 * @kind: what it is
 */
struct call_site {
	unsigned long addr;
	unsigned long return_ip;
	enum call_site_kind kind;
};

const char *call_site_kind_name(enum call_site_kind kind);
int call_sites_find(const struct symbol_range *range, unsigned long target,
		    struct call_site **sites);
unsigned long call_site_before(unsigned long return_ip);

#endif /* _MEMEVENTS_HOOK_CALL_SITES_H */
