/* SPDX-License-Identifier: GPL-2.0 */
/* What every handler does with a call when it knows the parent. */
#ifndef _MEMEVENTS_HOOK_ROUTE_H
#define _MEMEVENTS_HOOK_ROUTE_H

#include <linux/compiler.h>
#include <linux/preempt.h>

#include "compat.h"
#include "parent.h"
#include "scope.h"
#include "trace.h"

/*
 * Where there is no tasks RCU, kernel code is not preemptible, and ordinary RCU
 * serves the lookup: code that holds its CPU is a reader. That is not so with
 * PREEMPT_COUNT, which debug kernels have: since 83b28cfe7964 ("rcu: handle
 * quiescent states for PREEMPT_RCU=n, PREEMPT_COUNT=y"), 2025 and in stable
 * kernels too, a tick takes a CPU for quiescent unless it has disabled
 * preemption explicitly.
 */
#if !defined(CONFIG_TASKS_RCU) && defined(CONFIG_PREEMPT_COUNT)
#define lookup_begin() preempt_disable_notrace()
#define lookup_end() preempt_enable_notrace()
#else
#define lookup_begin() \
	do {           \
	} while (0)
#define lookup_end() \
	do {         \
	} while (0)
#endif

/**
 * route_send() - count a call and send it on its way
 * @parent: the row it goes to
 * @redirect: is it redirected?
 * @replacement: to what; may change at any time
 * @fregs: the handler's last argument
 *
 * The counters are told apart by constants: a variable index would be checked at
 * every call where the kernel is built with UBSAN's bounds checks.
 *
 * Context: the handler.
 */
static __always_inline void route_send(struct parent *parent, bool redirect,
				       void *const *replacement,
				       struct compat_ftrace_regs *fregs)
{
	if (redirect) {
		parent_count(parent, true);
		compat_set_ip(fregs, (unsigned long)READ_ONCE(*replacement));
	} else {
		parent_count(parent, false);
	}
}

/*
 * A probe of the tracepoint may call the target: the kernel's guard against
 * recursion lets one such call be traced at most, and none within it. The
 * function is static, so that the compiler knows which registers it changes and a
 * handler saves no others.
 */
static noinline notrace void route_trace(unsigned long ip,
					 unsigned long parent_ip,
					 const struct parent *parent,
					 bool redirected)
{
	int entered = compat_trace_enter(ip, parent_ip);

	if (entered < 0)
		return;
	trace_memevents_route(parent->name, parent_ip, redirected);
	compat_trace_exit(entered);
}

/**
 * route_closely() - route a call that may be out of scope, or over its budget
 * @parent: the row it goes to
 * @replacement: to what, where it is redirected
 * @ip: the handler's first argument
 * @parent_ip: the handler's second argument
 * @fregs: the handler's last argument
 *
 * A call that is out of scope takes nothing from the budget.
 *
 * Context: the handler, between lookup_begin() and lookup_end().
 */
static __always_inline void
route_closely(struct parent *parent, void *const *replacement, unsigned long ip,
	      unsigned long parent_ip, struct compat_ftrace_regs *fregs)
{
	const bool redirect = parent_redirects(parent) && scope_covers(fregs) &&
			      parent_take_time(parent);

	route_send(parent, redirect, replacement, fregs);
	/* The hidden row has no name. */
	if (trace_memevents_route_enabled() && parent->name)
		route_trace(ip, parent_ip, parent, redirect);
}

#endif /* _MEMEVENTS_HOOK_ROUTE_H */
