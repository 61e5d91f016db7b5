// SPDX-License-Identifier: GPL-2.0
/*
 * One function and its handler, as ftrace is asked about them. The filter of an
 * ops holds the function from ops_init() to ops_exit(), whether the ops is
 * registered or not: registering with an empty one would trace every function of
 * the kernel.
 */
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/printk.h>

#include "ops.h"

const char ops_busy[] =
	"refused: another IPMODIFY user has the target, or a direct call, or kernel.ftrace_enabled is 0 (see enabled_functions, kprobes/list, /sys/kernel/livepatch, bpftool link)";

/* Never registered, its filter always empty: tells whether ftrace has shut down. */
static struct ftrace_ops probe_ops;

/* A function to ask about; written by a load. */
static unsigned long probe_addr;

/**
 * ops_ftrace_is_dead() - has ftrace shut itself down?
 *
 * After ftrace_bug() or ftrace_kill() every call of ftrace returns -ENODEV.
 * Otherwise removing an address that is not in a filter returns -ENOENT and changes
 * nothing. Adding an address would change the filter.
 *
 * Context: may sleep; after the first ops_init().
 * Return: true where it has.
 */
bool ops_ftrace_is_dead(void)
{
	return ftrace_set_filter_ip(&probe_ops, probe_addr, 1, 0) == -ENODEV;
}

/**
 * ops_init() - have an ops be about one function
 * @ops: the ops, with its handler and OPS_FLAGS
 * @addr: where the function is
 * @symbol: its name
 *
 * A failure is explained in the kernel log.
 *
 * Context: may sleep; module init.
 * Return: 0, -EINVAL where the function cannot be hooked, -ENODEV where ftrace has
 * shut itself down, -ENOMEM.
 */
int ops_init(struct ftrace_ops *ops, unsigned long addr, const char *symbol)
{
	int err;

	probe_addr = addr;
	/*
	 * Older ftrace makes an ops ready on its first use without a lock: here
	 * no other task can ask yet.
	 */
	if (ops_ftrace_is_dead()) {
		pr_err("ftrace has shut itself down, see the kernel log\n");
		return -ENODEV;
	}
	err = ftrace_set_filter_ip(ops, addr, 0, 0);
	if (err)
		pr_err("%s: not a function that can be hooked (%d)\n", symbol,
		       err);
	return err;
}

/**
 * ops_exit() - release what ops_init() has allocated
 * @ops: the ops; not registered, so that emptying its filter cannot trace anything
 * @addr: where its function is
 *
 * ftrace copies the filter to change it, and frees it where nothing is left in
 * it: without memory for the copy it would stay behind for ever.
 *
 * Context: may sleep.
 */
void ops_exit(struct ftrace_ops *ops, unsigned long addr)
{
	while (ftrace_set_filter_ip(ops, addr, 1, 0) == -ENOMEM)
		usleep_range(1000, 2000);
}

/**
 * ops_register() - ask ftrace to call the handler
 * @ops: the ops
 * @symbol: the function's name
 *
 * BPF trampolines give way to an IPMODIFY user, but not while they are locked:
 * then registering fails with -EAGAIN, and a little later it will do. Why it
 * failed is said in the kernel log.
 *
 * Context: may sleep.
 * Return: 0, -EBUSY where another IPMODIFY user holds the function, -ENODEV where
 * ftrace has shut itself down, or what else ftrace says.
 */
int ops_register(struct ftrace_ops *ops, const char *symbol)
{
	int err, tries;

	for (tries = 0; tries < 100; tries++) {
		err = register_ftrace_function(ops);
		if (err != -EAGAIN)
			break;
		usleep_range(1000, 2000);
	}
	if (err == -EBUSY)
		pr_warn_ratelimited("%s: %s\n", symbol, ops_busy);
	else if (err)
		pr_warn_ratelimited("%s: ftrace refused the hook (%d)\n",
				    symbol, err);
	return err;
}

/**
 * ops_unregister() - ask ftrace to call the handler no more
 * @ops: the ops; registered
 *
 * If ftrace has shut itself down while it removed the hook,
 * unregister_ftrace_function() returns 0, though the call may still be patched: so
 * it is asked again.
 *
 * Context: may sleep, for several grace periods of RCU.
 * Return: 0; -ENODEV where ftrace has shut itself down, or what else it says.
 */
int ops_unregister(struct ftrace_ops *ops)
{
	int err = unregister_ftrace_function(ops);

	if (!err && ops_ftrace_is_dead())
		err = -ENODEV;
	return err;
}
