/* SPDX-License-Identifier: GPL-2.0 */
/* The callers whose calls an alternative redirects: given as ranges, searched one by one. */
#ifndef _BENCH_CALLERS_H
#define _BENCH_CALLERS_H

#include <linux/module.h>

static unsigned long starts[256], ends[256];
static int nr_callers;

module_param_array(starts, ulong, &nr_callers, 0444);
MODULE_PARM_DESC(starts, "addresses of the callers' first bytes");
module_param_array(ends, ulong, NULL, 0444);
MODULE_PARM_DESC(ends, "addresses behind the callers' last bytes");

static __always_inline bool is_caller(unsigned long return_ip)
{
	int i;

	for (i = 0; i < nr_callers; i++)
		if (starts[i] <= return_ip && return_ip < ends[i])
			return true;
	return false;
}

#endif /* _BENCH_CALLERS_H */
