// SPDX-License-Identifier: GPL-2.0
/*
 * The only file that knows memory cgroups: the target, its callers and what
 * runs in its place. Another function to hook is another file like this one.
 */
#include <linux/atomic.h>
#include <linux/cgroup.h>
#include <linux/memcontrol.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "banner.h"
#include "hook.h"

#ifndef CONFIG_MEMCG
#error "there are no memory.events without CONFIG_MEMCG=y"
#endif

/*
 * Prints what the target prints. The target itself cannot be called: on kernels
 * built for IBT it has no ENDBR, since only direct calls reach it.
 *
 * The HAVE_ macros tell which events this kernel counts. They are enumerators,
 * which the preprocessor cannot see, so Kbuild reads them in the kernel's header.
 * It names those that are not named here. The test that compares the two outputs
 * (tests/test_lines.py) tells whether the kernel prints them: if so, add a line.
 *
 * Does not sleep, which unloading depends on (see hook_exit()).
 */
static __always_inline void print_events(struct seq_file *m,
					 atomic_long_t *events)
{
	seq_printf(m, "low %lu\n", atomic_long_read(&events[MEMCG_LOW]));
	seq_printf(m, "high %lu\n", atomic_long_read(&events[MEMCG_HIGH]));
	seq_printf(m, "max %lu\n", atomic_long_read(&events[MEMCG_MAX]));
	seq_printf(m, "oom %lu\n", atomic_long_read(&events[MEMCG_OOM]));
	seq_printf(m, "oom_kill %lu\n",
		   atomic_long_read(&events[MEMCG_OOM_KILL]));
#ifdef HAVE_MEMCG_OOM_GROUP_KILL
	seq_printf(m, "oom_group_kill %lu\n",
		   atomic_long_read(&events[MEMCG_OOM_GROUP_KILL]));
#endif
#ifdef HAVE_MEMCG_SOCK_THROTTLED
	seq_printf(m, "sock_throttled %lu\n",
		   atomic_long_read(&events[MEMCG_SOCK_THROTTLED]));
#endif
}

static void memory_events_replacement(struct seq_file *m, atomic_long_t *events)
{
	print_events(m, events);
}

static void memory_events_with_banner(struct seq_file *m, atomic_long_t *events)
{
	banner_show(m);
	print_events(m, events);
}

/*
 * Where the compiler inlined the target, these run in the parents' place. Which
 * events a parent shows is all in which they differ. None of them sleeps either.
 */
static int show_replacement(struct seq_file *m, void *v)
{
	print_events(m, mem_cgroup_from_seq(m)->memory_events);
	return 0;
}

static int show_with_banner(struct seq_file *m, void *v)
{
	banner_show(m);
	return show_replacement(m, v);
}

static int local_show_replacement(struct seq_file *m, void *v)
{
	print_events(m, mem_cgroup_from_seq(m)->memory_events_local);
	return 0;
}

static int local_show_with_banner(struct seq_file *m, void *v)
{
	banner_show(m);
	return local_show_replacement(m, v);
}

/* Both parents show the file of a cgroup: @m is that open file. */
static notrace struct cgroup *cgroup_of(const void *m)
{
	return seq_css((struct seq_file *)m)->cgroup;
}

static const char *no_call(void)
{
	if (!cgroup_subsys_enabled(memory_cgrp_subsys))
		return "no call can come: the memory controller is off (cgroup_disable=memory)";
	if (!cgroup_subsys_on_dfl(memory_cgrp_subsys))
		return "no call can come: the memory controller is mounted as cgroup v1";
	return NULL;
}

const struct hook_target hook_target = {
	.symbol = "__memory_events_show",
	.unique = true,
	.replacement = memory_events_replacement,
	.replacement_with_banner = memory_events_with_banner,
	.banner = "This is from __memory_events_show_new",
	.redirect = "memory_events_show",
	.observe = "memory_events_local_show",
	.cgroup_of = cgroup_of,
	.no_call = no_call,
	.entries = {
		{ "memory_events_show", show_replacement, show_with_banner },
		{ "memory_events_local_show", local_show_replacement,
		  local_show_with_banner },
	},
};

MODULE_DESCRIPTION("Redirect one caller of __memory_events_show");
