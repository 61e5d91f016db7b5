/* SPDX-License-Identifier: GPL-2.0 */
/* Calling __memory_events_show from a module's text. */
#ifndef _PEERS_CALL_TARGET_H
#define _PEERS_CALL_TARGET_H

#include <linux/atomic.h>
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <linux/seq_file.h>

#include "function.h"

typedef void peer_show_t(struct seq_file *m, atomic_long_t *events);

static peer_show_t *peer_target;

/*
 * The target has no ENDBR where only direct calls reach it, so an indirect
 * call would fault on a machine with IBT. A return does not: go there by one.
 * On x86_64 the call can have any return address: @return_to is that of a
 * function that does nothing but return, or 0 for the call's own.
 */
static noinline __noclone void
peer_call(struct seq_file *m, atomic_long_t *events, unsigned long return_to)
{
#ifdef CONFIG_X86_64
#ifndef ASM_RET
#define ASM_RET "ret\n\t"
#endif
	asm volatile("leaq 1f(%%rip), %%rax\n\t"
		     "pushq %%rax\n\t"
		     "testq %[return_to], %[return_to]\n\t"
		     "jz 2f\n\t"
		     "pushq %[return_to]\n\t"
		     "2: pushq %[target]\n\t" ASM_RET "1:"
		     : "+D"(m), "+S"(events)
		     : [target] "r"(peer_target), [return_to] "r"(return_to)
		     : "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "cc",
		       "memory");
#else
	peer_target(m, events);
	barrier(); /* no tail call: the return address is ours */
#endif
}

STACK_FRAME_NON_STANDARD(peer_call);

/* Return: 0, or what register_kprobe() says. */
static int peer_find_target(void)
{
	unsigned long addr;
	int err = peer_find("__memory_events_show", &addr);

	if (!err)
		peer_target = (peer_show_t *)addr;
	return err;
}

#endif /* _PEERS_CALL_TARGET_H */
