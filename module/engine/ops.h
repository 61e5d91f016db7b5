/* SPDX-License-Identifier: GPL-2.0 */
/* What ftrace is asked about one function and its handler. */
#ifndef _MEMEVENTS_HOOK_OPS_H
#define _MEMEVENTS_HOOK_OPS_H

#include <linux/ftrace.h>
#include <linux/types.h>

#include "compat.h"

/*
 * The handler may change where the call goes (IPMODIFY), which ftrace grants to
 * one user per function at a time. It is permanent (PERMANENT):
 * kernel.ftrace_enabled=0 is refused while it is registered, instead of silently
 * ending the redirection.
 */
#define OPS_FLAGS                                           \
	(FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT | \
	 COMPAT_FTRACE_OPS_FL_REGS | COMPAT_FTRACE_OPS_FL_NO_RECURSION)

extern const char ops_busy[];

int ops_init(struct ftrace_ops *ops, unsigned long addr, const char *symbol);
void ops_exit(struct ftrace_ops *ops, unsigned long addr);

int ops_register(struct ftrace_ops *ops, const char *symbol);
int ops_unregister(struct ftrace_ops *ops);
bool ops_ftrace_is_dead(void);

#endif /* _MEMEVENTS_HOOK_OPS_H */
