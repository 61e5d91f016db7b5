/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tracepoint. While somebody listens, the cache of callers is bypassed, so
 * that every call takes the handler's slow way, where the tracepoint is. The fast
 * way has neither a tracepoint nor the nop of one.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM memevents_hook

#if !defined(_MEMEVENTS_HOOK_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _MEMEVENTS_HOOK_TRACE_H

#include <linux/tracepoint.h>

#include "compat.h"
#include "lookup.h"

/*
 * A call to the target was routed.
 * parent: symbol of the listed parent it came from; empty for any other caller
 * parent_ip: its return address
 * redirected: did it go to the replacement?
 */
/* clang-format off */
TRACE_EVENT_FN(memevents_route,
	TP_PROTO(const char *parent, unsigned long parent_ip, bool redirected),
	TP_ARGS(parent, parent_ip, redirected),
	TP_STRUCT__entry(
		__string(parent, parent)
		__field(unsigned long, parent_ip)
		__field(bool, redirected)
	),
	TP_fast_assign(
		compat_assign_str(parent, parent);
		__entry->parent_ip = parent_ip;
		__entry->redirected = redirected;
	),
	TP_printk("parent=%s parent_ip=0x%lx redirected=%d",
		  __get_str(parent), __entry->parent_ip, __entry->redirected),
	lookup_bypass_cache, lookup_use_cache
);
/* clang-format on */

#endif /* _MEMEVENTS_HOOK_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
