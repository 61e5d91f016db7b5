/* SPDX-License-Identifier: GPL-2.0 */
/* Takes the place of module/engine/trace.h in the benchmark's second build of the module: no tracepoint. */
#ifndef _BENCH_NO_TRACE_H
#define _BENCH_NO_TRACE_H

#include <linux/types.h>

static inline void trace_memevents_route(const char *parent,
					 unsigned long parent_ip,
					 bool redirected)
{
}

static inline bool trace_memevents_route_enabled(void)
{
	return false;
}

#endif /* _BENCH_NO_TRACE_H */
