// SPDX-License-Identifier: GPL-2.0
/*
 * The target's handler, and how the hook is switched: on the target, or where that
 * is inlined on the functions that it is inlined into (entries.c).
 */
#include <linux/errno.h>
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/stop_machine.h>

#include "compat.h"
#include "entries.h"
#include "hook.h"
#include "lookup.h"
#include "ops.h"
#include "parents.h"
#include "route.h"

/* Which of the target's replacements is in use: chosen before the hook is first on. */
static void *replacement;

/*
 * Calls that are not in the cache: calls from no known call site, calls of a parent
 * that redirects within a scope or a budget, and all calls while the hook is
 * disarmed or the tracepoint is on (see trace.h). Takes the handler's arguments as
 * they are, so that handing over to it is a jump.
 */
static noinline __noclone notrace void
route_slow(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *op,
	   struct compat_ftrace_regs *fregs)
{
	route_closely(lookup_parent(parent_ip), &replacement, ip, parent_ip,
		      fregs);
}

/*
 * The handler: runs before the target's first instruction, in the caller's
 * context, perhaps preemptible. Calls nothing on the way that most calls take,
 * so that the compiler need save no register. What it reads may change at any
 * time but cannot be freed before it has returned (see lookup.c).
 */
static notrace void route(unsigned long ip, unsigned long parent_ip,
			  struct ftrace_ops *op,
			  struct compat_ftrace_regs *fregs)
{
	const struct parent_site *site;

	lookup_begin();
	if (likely(lookup_cached(parent_ip, &site)))
		route_send(site->parent, parent_site_redirects(site),
			   &replacement, fregs);
	else if (lookup_is_last_unlisted(parent_ip))
		parent_count(&parent_other, false);
	else
		route_slow(ip, parent_ip, op, fregs);
	lookup_end();
}

static struct ftrace_ops ops = {
	.func = route,
	.flags = OPS_FLAGS,
};

/*
 * Held while the hook is switched. What follows may be read without it.
 * @refused is what ftrace answered when the hook was last to be switched on.
 */
static DEFINE_MUTEX(hook_lock);
static bool on;
static bool was_tried;
static int refused;
static bool pinned;

/* Of the target; not set where it is inlined. */
static struct symbol_range range;
static bool inlined;

static int register_ops(void)
{
	return inlined ? entries_register() :
			 ops_register(&ops, hook_target.symbol);
}

static int unregister_ops(void)
{
	return inlined ? entries_unregister() : ops_unregister(&ops);
}

/*
 * ftrace shut itself down in the middle of a change: the call at the target's
 * entry may lead to the handler until the next boot, so the module's text and
 * the tables must stay.
 */
static void pin(const char *change, int err)
{
	if (!pinned) {
		__module_get(THIS_MODULE);
		WRITE_ONCE(pinned, true);
	}
	pr_crit_ratelimited(
		"ftrace failed to %s the hook (%d): the module cannot be unloaded any more\n",
		change, err);
}

/*
 * ftrace lists an ops before it asks for IPMODIFY. Where others trace the target,
 * calls go by that list, and reach a handler whose registration is then refused:
 * so the handler is armed when ftrace has granted the hook, and not before: see
 * litmus/arm-granted.
 */
static int switch_on(void)
{
	const bool was_dead = ops_ftrace_is_dead();
	int err;

	was_tried = true;
	err = register_ops();
	WRITE_ONCE(refused, err);
	if (!err) {
		lookup_arm(true);
		WRITE_ONCE(on, true);
		return 0;
	}

	if (!was_dead && ops_ftrace_is_dead())
		pin("register", err);
	return err;
}

/*
 * Disarmed first: while ftrace removes an ops, it hands the target to the next
 * IPMODIFY user before the last handler has ended. See litmus/disarm-seen.
 *
 * A dead ftrace is asked first: it removes nothing, and calls that come meanwhile
 * would be routed as if the hook were off. One that dies between the two does so
 * until the hook is armed again.
 */
static int switch_off(void)
{
	int err;

	if (ops_ftrace_is_dead()) {
		pin("unregister", -ENODEV);
		return -ENODEV;
	}
	lookup_arm(false);
	err = unregister_ops();
	if (err) {
		/* The hook is still registered, so it is armed again. */
		lookup_arm(true);
		pin("unregister", err);
		return err;
	}
	WRITE_ONCE(on, false);
	return 0;
}

static int switch_to(bool to)
{
	if (to != on)
		return to ? switch_on() : switch_off();
	if (!to)
		WRITE_ONCE(refused, 0);
	return 0;
}

/**
 * hook_switch() - put the hook into the kernel or take it out
 * @to: the state to have; having it already is no error
 *
 * When this has returned 0, every call to the target that begins later, on any
 * CPU, is routed the new way: ftrace has patched the target's entry and made
 * all CPUs see it. Off, the target runs as if the hook had never been there.
 *
 * A failure is explained in the kernel log. A hook that could not be switched on
 * stays off, and no call was counted or redirected meanwhile. One that ftrace
 * failed to unregister stays on. Where ftrace shut itself down in the middle, the
 * module is pinned: see hook_is_pinned().
 *
 * Context: may sleep, for several grace periods of RCU.
 * Return: 0, -EBUSY where another IPMODIFY user holds the target, -ENODEV where
 * ftrace has shut itself down, -EINTR where the task is killed as it waits for
 * another switch, or what else ftrace says.
 */
int hook_switch(bool to)
{
	int err;

	if (mutex_lock_killable(&hook_lock))
		return -EINTR;
	err = switch_to(to);
	mutex_unlock(&hook_lock);
	return err;
}

/**
 * hook_switch_off() - take the hook out, also for a task that is being killed
 *
 * As hook_switch(false), but for the wait for another switch, which cannot be
 * interrupted.
 *
 * Context: may sleep, for several grace periods of RCU.
 * Return: as hook_switch().
 */
int hook_switch_off(void)
{
	int err;

	mutex_lock(&hook_lock);
	err = switch_to(false);
	mutex_unlock(&hook_lock);
	return err;
}

/**
 * hook_check_parent() - can a function's calls reach the handler?
 * @name: the function
 *
 * Why not is said in the kernel log.
 *
 * Context: any.
 * Return: 0; -EOPNOTSUPP where the target is inlined, and not into this function.
 */
int hook_check_parent(const char *name)
{
	if (!inlined || entries_have(name))
		return 0;
	pr_warn_ratelimited(
		"%s: %s is inlined by this kernel's compiler: only the functions that it is hooked in can be listed\n",
		name, hook_target.symbol);
	return -EOPNOTSUPP;
}

/**
 * hook_list() - have a parent's calls reach the handler while the hook is on
 * @name: the parent, which is about to be listed
 *
 * The target's handler sees the calls of all. Where the target is inlined, each
 * parent is hooked for itself. A failure is explained in the kernel log.
 *
 * Context: may sleep, for grace periods.
 * Return: 0, -EINTR where the task is killed as it waits for a switch, or what
 * hook_switch() says. Then nothing has changed.
 */
int hook_list(const char *name)
{
	bool was_dead;
	int err;

	if (!inlined)
		return 0;
	if (mutex_lock_killable(&hook_lock))
		return -EINTR;
	was_dead = ops_ftrace_is_dead();
	was_tried |= on;
	err = entries_want(name, on);
	if (err && !was_dead && ops_ftrace_is_dead())
		pin("register", err);
	mutex_unlock(&hook_lock);
	return err;
}

/**
 * hook_unlist() - end what hook_list() has begun
 * @name: the parent, which is not listed any more
 *
 * Where ftrace fails to take the parent's hook out, its calls run the kernel's own
 * function all the same, in no row, and the module is pinned.
 *
 * Context: may sleep, for several grace periods of RCU.
 */
void hook_unlist(const char *name)
{
	int err;

	if (!inlined)
		return;
	mutex_lock(&hook_lock);
	err = entries_unwant(name);
	if (err)
		pin("unregister", err);
	mutex_unlock(&hook_lock);
}

/**
 * hook_is_pinned() - must the module stay for ever?
 *
 * Context: any.
 * Return: true where ftrace shut itself down while it changed the hook.
 */
bool hook_is_pinned(void)
{
	return READ_ONCE(pinned);
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
	/*
	 * Pairs with whatever tells a caller of the target that the write is done:
	 * see litmus/banner-seen.
	 */
	smp_store_mb(replacement, chosen);
	entries_use_banner(banner);
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
 * hook_why() - what keeps the hook from routing calls, or from being switched
 * @is_on: set to whether the hook is in the kernel: it routes calls under an ftrace
 *	that has shut itself down, too
 *
 * Context: may sleep.
 * Return: a phrase for people; NULL where the hook does its work.
 */
const char *hook_why(bool *is_on)
{
	*is_on = hook_is_on();
	if (ops_ftrace_is_dead())
		return "ftrace has shut itself down, see the kernel log";
	if (*is_on)
		return NULL;
	switch (READ_ONCE(refused)) {
	case 0:
		return "hook off";
	case -EBUSY:
		return ops_busy;
	default:
		return "refused by ftrace, see the kernel log";
	}
}

/**
 * hook_range() - where the target is
 *
 * Context: any, after hook_init().
 * Return: its range, which never changes; NULL where it is inlined.
 */
const struct symbol_range *hook_range(void)
{
	return inlined ? NULL : &range;
}

/**
 * hook_init() - get ready to hook the target
 * @target: where it is; NULL where it is inlined, and entries_find() has found
 *	the functions that it is inlined into
 *
 * A failure is explained in the kernel log.
 *
 * Context: may sleep.
 * Return: 0 or what ops_init() says.
 */
int hook_init(const struct symbol_range *target)
{
	inlined = !target;
	if (inlined)
		return entries_init();
	range = *target;
	return ops_init(&ops, range.start, hook_target.symbol);
}

static int nothing(void *unused)
{
	return 0;
}

/*
 * Wait until no task is in the handler, or in the replacement that it sent it
 * to, and no CPU looks at the ops; none can come there any more.
 *
 * With tasks RCU, each task has slept voluntarily or been in user space since,
 * and neither the handler nor the replacement sleeps: see litmus/unload-drain.
 * Without it, kernel code is not preemptible: a task in either holds its CPU
 * until it has left.
 *
 * stop_machine() returns when every CPU has switched to its stopper thread. It is
 * for what holds its CPU: for those tasks, and for ftrace, which walks its list of
 * all ops, ours among them, with preemption off, where it traces any function at
 * all. It does so in an idle CPU, too, where ordinary RCU does not watch and
 * which tasks RCU passes over. ftrace waits for these itself when it has removed
 * an ops, but not when it has refused one.
 *
 * synchronize_rcu() would not do where PREEMPT_COUNT is set (see lookup_begin()),
 * and that ftrace has had every CPU schedule cannot be relied on: it does not
 * after a refused registration, and newer kernels leave it out.
 *
 * No test in a guest fails without this wait (litmus/unload-drain does): for an
 * ops that lives in a module unregister_ftrace_function() waits itself on the
 * kernels tested, and a refused hook redirects nothing. It stays because ftrace
 * promises neither.
 */
static void drain(void)
{
	if (IS_ENABLED(CONFIG_TASKS_RCU))
		synchronize_rcu_tasks();
	stop_machine(nothing, NULL, NULL);
}

/**
 * hook_exit() - take the hook out before the module is unloaded
 *
 * When this returns no task is in the handler or in a replacement, and none can
 * get there any more. Callbacks of call_rcu_tasks() may be pending: parents_exit()
 * waits for them. The tracepoint may still call lookup_bypass_cache().
 *
 * 1. No task can switch the hook on again: its files are gone, and nothing else
 *    calls hook_switch().
 * 2. The handler is disarmed: a call that begins later is not redirected.
 * 3. unregister_ftrace_function() patches the target's entry back. A call that
 *    begins later does not see the hook.
 * 4. A task may still be on its way from the handler to the replacement, or in
 *    either: preempted, or on another CPU. It came there without a voluntary
 *    sleep, and the replacement has none. drain() waits for it. All this goes
 *    for a hook that was refused, too: calls may have reached the handler (see
 *    switch_on()).
 * 5. If ftrace refuses 3, this cannot be promised. Then the text must not be
 *    freed, and the one way to keep it is not to return.
 *
 * Context: may sleep; module exit, or an init that fails after hook_init().
 */
void hook_exit(void)
{
	if (hook_is_on()) {
		lookup_arm(false);
		if (unregister_ops()) {
			pr_emerg(
				"ftrace failed to unregister the hook: unloading waits for ever\n");
			for (;;)
				schedule_timeout_idle(MAX_SCHEDULE_TIMEOUT);
		}
	}
	if (was_tried)
		drain();
	if (inlined)
		entries_exit();
	else
		ops_exit(&ops, range.start);
}
