/* SPDX-License-Identifier: GPL-2.0 */
/* Where a function calls the target, found by decoding its body. */
#ifndef _MEMEVENTS_HOOK_CALL_SITES_H
#define _MEMEVENTS_HOOK_CALL_SITES_H

#include <linux/types.h>

#include "symbol.h"

/**
 * struct call_site - one direct call or jump to the target
 * @addr: address of the instruction
 * @return_ip: address behind it: the parent_ip that a call from here has
 * @tail: a jump; the target then returns to the caller's caller, so @return_ip
 *	is on no stack and the handler cannot know the call by it
 */
struct call_site {
	unsigned long addr;
	unsigned long return_ip;
	bool tail;
};

int call_sites_find(const struct symbol_range *parent, unsigned long target,
		    struct call_site **sites);
unsigned long call_site_before(unsigned long return_ip);

#endif /* _MEMEVENTS_HOOK_CALL_SITES_H */
