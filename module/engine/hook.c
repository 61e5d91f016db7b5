// SPDX-License-Identifier: GPL-2.0
/*
 * One ftrace handler on one function. It may change where the call goes
 * (IPMODIFY), which ftrace grants to one user per function at a time, and it
 * cannot be lifted off behind our back (PERMANENT): kernel.ftrace_enabled=0 is
 * refused while it is on, instead of silently ending the redirection.
 */
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "compat.h"
#include "hook.h"
#include "parents.h"
#include "refuse.h"
#include "trace.h"

/* Which of the target's replacements is in use: chosen before the hook is first on. */
static void *replacement;

/*
 * Count a call and send it on its way: true where that is to the replacement.
 * The counters are told apart by constants: a variable index would be checked
 * at every call where the kernel is built with UBSAN's bounds checks.
 */
static __always_inline bool send(struct parent *parent,
				 struct compat_ftrace_regs *fregs)
{
	if (parent_redirects(parent)) {
		parent_count(parent, true);
		compat_set_ip(fregs, (unsigned long)READ_ONCE(replacement));
		return true;
	}
	parent_count(parent, false);
	return false;
}

/*
 * The rare calls: from where no decoded call is, and all while the tracepoint is
 * on, which has the cache bypassed (see trace.h). Takes the handler's arguments
 * as they are, so that handing over to it is a jump.
 */
static noinline __noclone notrace void
route_slow(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *op,
	   struct compat_ftrace_regs *fregs)
{
	struct parent *parent = parents_search(parent_ip);
	const bool redirected = send(parent, fregs);

	trace_memevents_route(parent->name, parent_ip, redirected);
}

/*
 * The handler: runs before the target's first instruction, in the caller's
 * context, perhaps preemptible. Calls nothing on the way that most calls take,
 * so that the compiler need save no register. What it reads may change at any
 * time but cannot be freed before it is through (see parents.c).
 */
static notrace void route(unsigned long ip, unsigned long parent_ip,
			  struct ftrace_ops *op,
			  struct compat_ftrace_regs *fregs)
{
	struct parent *parent;

	compat_handler_enter();
	if (likely(parents_cached(parent_ip, &parent)))
		send(parent, fregs);
	else if (parents_is_nobodys(parent_ip))
		parent_count(&parents_other, false);
	else
		route_slow(ip, parent_ip, op, fregs);
	compat_handler_exit();
}

/*
 * The filter holds the target from hook_init() to hook_exit(), whether the ops
 * is registered or not: registering with an empty one would trace every
 * function of the kernel.
 */
static struct ftrace_ops ops = {
	.func = route,
	.flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT |
		 COMPAT_FTRACE_OPS_FL_REGS | COMPAT_FTRACE_OPS_FL_NO_RECURSION,
};

/* Never registered, its filter always empty: to ask ftrace for a sign of life. */
static struct ftrace_ops probe_ops;

/*
 * Held by whoever switches the hook. What follows may be read without it.
 * @refused is what ftrace answered when the hook was last to be switched on.
 */
static DEFINE_MUTEX(hook_lock);
static bool on;
static bool was_tried;
static int refused;
static bool pinned;

static struct symbol_range range;

/*
 * After ftrace_bug() or ftrace_kill() ftrace does nothing any more but say
 * -ENODEV. Alive, it says -ENOENT to who takes out of a filter what is not in
 * it, and nothing has changed: putting something in would leave it there, each
 * time once more.
 */
static bool ftrace_is_dead(void)
{
	return ftrace_set_filter_ip(&probe_ops, range.start, 1, 0) == -ENODEV;
}

/*
 * BPF trampolines give way to an IPMODIFY user, but not while they are locked:
 * then registering fails with -EAGAIN, and a little later it will do.
 */
static int register_ops(void)
{
	int err, tries;

	for (tries = 0; tries < 100; tries++) {
		err = register_ftrace_function(&ops);
		if (err != -EAGAIN)
			break;
		usleep_range(1000, 2000);
	}
	return err;
}

/*
 * Where ftrace died while it took the hook out, unregistering tells success,
 * yet the call may still be patched: ask again.
 */
static int unregister_ops(void)
{
	int err = unregister_ftrace_function(&ops);

	if (!err && ftrace_is_dead())
		err = -ENODEV;
	return err;
}

static const char busy[] =
	"refused: another IPMODIFY user has the target, or kernel.ftrace_enabled is 0 (see enabled_functions, kprobes/list, /sys/kernel/livepatch)";

static int switch_on(void)
{
	int err;

	/* Where it refuses, ftrace may have let calls into the handler already. */
	was_tried = true;
	err = register_ops();
	if (!err) {
		WRITE_ONCE(on, true);
	} else if (err == -EBUSY) {
		refuse("%s: %s\n", hook_target.symbol, busy);
	} else {
		refuse("%s: ftrace refused the hook (%d)\n", hook_target.symbol,
		       err);
	}
	WRITE_ONCE(refused, err);
	return err;
}

static int switch_off(void)
{
	int err = unregister_ops();

	if (!err) {
		WRITE_ONCE(on, false);
		return 0;
	}

	/*
	 * The call to our handler stays where it is, for good, so the module's
	 * text must stay too: never let it be unloaded.
	 */
	if (!pinned) {
		__module_get(THIS_MODULE);
		pinned = true;
	}
	pr_crit_ratelimited(
		"ftrace does not let go of the hook (%d): the module stays\n",
		err);
	return err;
}

/**
 * hook_switch() - put the hook into the kernel or take it out
 * @to: the state to have; having it already is no error
 *
 * When this has returned 0, every call to the target that begins later, on any
 * CPU, is routed the new way: ftrace has patched the target's entry and made
 * all CPUs see it. Off, the target runs as if we had never been there.
 *
 * Why it failed is said in the kernel log. A hook that could not be switched on
 * stays off; one that ftrace does not let go of stays on and pins the module.
 *
 * Context: may sleep, for several grace periods of RCU.
 * Return: 0, -EBUSY where another IPMODIFY user holds the target, -ENODEV where
 * ftrace has shut itself down, or what else it says.
 */
int hook_switch(bool to)
{
	int err = 0;

	mutex_lock(&hook_lock);
	if (to != on)
		err = to ? switch_on() : switch_off();
	else if (!to)
		WRITE_ONCE(refused, 0);
	mutex_unlock(&hook_lock);
	return err;
}

/**
 * hook_use_banner() - choose between the target's replacements
 * @banner: the one that prints the banner?
 *
 * A call that begins after this has returned, on any CPU, gets the one chosen.
 *
 * Context: any; one call at a time.
 */
void hook_use_banner(bool banner)
{
	void *chosen = hook_target.replacement;

	if (banner && hook_target.replacement_with_banner)
		chosen = hook_target.replacement_with_banner;
	/* Pairs with whatever tells the caller of the target that we are done. */
	smp_store_mb(replacement, chosen);
}

/**
 * hook_is_on() - is the hook in the kernel?
 *
 * Context: any.
 * Return: true where it is; that may be over already.
 */
bool hook_is_on(void)
{
	return READ_ONCE(on);
}

/**
 * hook_why() - what keeps the hook from routing calls
 *
 * Context: may sleep.
 * Return: a phrase for people; NULL where the hook does its work.
 */
const char *hook_why(void)
{
	if (ftrace_is_dead())
		return "ftrace has shut itself down, see the kernel log";
	if (READ_ONCE(on))
		return NULL;
	switch (READ_ONCE(refused)) {
	case 0:
		return "hook off";
	case -EBUSY:
		return busy;
	default:
		return "refused by ftrace, see the kernel log";
	}
}

/**
 * hook_range() - where the target is
 *
 * Context: any, after hook_init().
 * Return: its range, which never changes.
 */
const struct symbol_range *hook_range(void)
{
	return &range;
}

/*
 * With the ops unregistered, emptying its filter cannot trace anything. ftrace
 * copies the filter to change it, and frees it where nothing is left in it:
 * without memory for the copy it would stay behind for ever.
 */
static void clear_filter(void)
{
	while (ftrace_set_filter_ip(&ops, range.start, 1, 0) == -ENOMEM)
		usleep_range(1000, 2000);
}

/**
 * hook_init() - get ready to hook the target
 * @target: where it is
 *
 * Why it failed is said in the kernel log.
 *
 * Context: may sleep.
 * Return: 0, -EINVAL where the target cannot be hooked, -ENODEV where ftrace has
 * shut itself down, -ENOMEM.
 */
int hook_init(const struct symbol_range *target)
{
	int err;

	range = *target;
	/*
	 * Older ftrace makes an ops ready on its first use without a lock: here
	 * nobody else can ask yet.
	 */
	if (ftrace_is_dead()) {
		pr_err("ftrace has shut itself down, see the kernel log\n");
		return -ENODEV;
	}
	err = ftrace_set_filter_ip(&ops, range.start, 0, 0);
	if (err)
		pr_err("%s: not a function that can be hooked (%d)\n",
		       hook_target.symbol, err);
	return err;
}

/**
 * hook_exit() - take the hook out, for good
 *
 * When this returns nothing can be in the module's text but its caller, and
 * nothing can get there any more:
 *
 * 1. Nobody can switch the hook on again: its files are gone, and nothing else
 *    calls hook_switch().
 * 2. unregister_ftrace_function() patches the target's entry back. A call that
 *    begins later does not see the hook. When it returns, no CPU is in the
 *    handler: for an ops that lives in a module it waits for that itself.
 * 3. A task may still be on its way from the handler to the replacement, or
 *    within it: preempted, or on another CPU. It came there without a voluntary
 *    sleep, and the replacement has none. synchronize_rcu_tasks() returns when
 *    each task has slept voluntarily or been in user space since, so that it
 *    has returned from the replacement. Where kernel code is not preemptible
 *    it is no more than synchronize_rcu(), but there such a task holds its CPU
 *    until it is through, and ftrace has had every CPU schedule in 2. All this
 *    goes for a hook that was refused, too: ftrace lists an ops before it asks
 *    for IPMODIFY, and where others trace the target, calls go by that list.
 * 4. If ftrace refuses 2, neither can be promised. Then the text must not be
 *    freed, and the one way to keep it is not to return.
 *
 * Context: may sleep; module exit, or an init that fails after hook_switch().
 */
void hook_exit(void)
{
	if (hook_is_on() && unregister_ops()) {
		pr_emerg(
			"unloading waits for ever: ftrace does not let go of the hook\n");
		for (;;)
			schedule_timeout_idle(MAX_SCHEDULE_TIMEOUT);
	}
	if (was_tried)
		synchronize_rcu_tasks();
	clear_filter();
}
