// SPDX-License-Identifier: GPL-2.0
/*
 * Has __memory_events_show call a trampoline of its own, as BPF has: a "direct"
 * user of ftrace. It gives way to nobody.
 */
#include <linux/compiler.h>
#include <linux/ftrace.h>
#include <linux/module.h>

#include "function.h"

/*
 * It only returns to the function, having touched no register: noinstr keeps
 * the compiler from adding anything.
 */
static noinstr void peer_trampoline(void)
{
}

static unsigned long peer_site;

/* The header has told Kbuild: in newer kernels the functions are an ops' filter's. */
#ifndef PEER_DIRECT_HAS_OPS

static int peer_register(void)
{
	return register_ftrace_direct(peer_site,
				      (unsigned long)peer_trampoline);
}

static void peer_unregister(void)
{
	unregister_ftrace_direct(peer_site, (unsigned long)peer_trampoline);
}

#else

static struct ftrace_ops peer_ops;

static int peer_register(void)
{
	int err = ftrace_set_filter_ip(&peer_ops, peer_site, 0, 0);

	if (err)
		return err;
	return register_ftrace_direct(&peer_ops,
				      (unsigned long)peer_trampoline);
}

static void peer_unregister(void)
{
	unregister_ftrace_direct(&peer_ops, (unsigned long)peer_trampoline,
				 true);
}

#endif

static int __init peer_init(void)
{
	unsigned long addr;
	int err = peer_find("__memory_events_show", &addr);

	if (err)
		return err;
	peer_site = peer_behind_endbr(addr);
	return peer_register();
}
module_init(peer_init);

static void __exit peer_exit(void)
{
	peer_unregister();
}
module_exit(peer_exit);

MODULE_DESCRIPTION("Test peer: a direct user of ftrace");
MODULE_AUTHOR("The memevents_hook developers");
MODULE_LICENSE("GPL");
