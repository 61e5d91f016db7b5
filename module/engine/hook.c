// SPDX-License-Identifier: GPL-2.0
/*
 * One ftrace handler on one function. It may change where the call goes
 * (IPMODIFY), which ftrace grants to one user per function at a time. It is
 * permanent (PERMANENT): kernel.ftrace_enabled=0 is refused while it is on,
 * instead of silently ending the redirection.
 */
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/stop_machine.h>

#include "compat.h"
#include "hook.h"
#include "lookup.h"
#include "parents.h"
#include "scope.h"
#include "trace.h"

/* Which of the target's replacements is in use: chosen before the hook is first on. */
static void *replacement;

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

/*
 * Count a call and send it on its way. The counters are told apart by constants:
 * a variable index would be checked at every call where the kernel is built with
 * UBSAN's bounds checks.
 */
static __always_inline void send(struct parent *parent, bool redirect,
				 struct compat_ftrace_regs *fregs)
{
	if (redirect) {
		parent_count(parent, true);
		compat_set_ip(fregs, (unsigned long)READ_ONCE(replacement));
	} else {
		parent_count(parent, false);
	}
}

/* A probe of the tracepoint may call the target: its calls are not traced. */
static noinline notrace void trace_route(unsigned long ip,
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

/*
 * The calls that are not cached: those that no decoded call of a listed parent
 * makes, those of a parent that redirects within a scope or a budget, and all of
 * them while the hook is disarmed or the tracepoint is on (see trace.h). A call
 * that is out of scope takes nothing from the budget. Takes the handler's arguments as they are, so that handing over to
 * it is a jump.
 */
static noinline __noclone notrace void
route_slow(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *op,
	   struct compat_ftrace_regs *fregs)
{
	struct parent *parent = lookup_parent(parent_ip);
	const bool redirect = parent_redirects(parent) && scope_covers(fregs) &&
			      parent_take_time(parent);

	send(parent, redirect, fregs);
	/* The hidden row has no name. */
	if (trace_memevents_route_enabled() && parent->name)
		trace_route(ip, parent_ip, parent, redirect);
}

/*
 * The handler: runs before the target's first instruction, in the caller's
 * context, perhaps preemptible. Calls nothing on the way that most calls take,
 * so that the compiler need save no register. What it reads may change at any
 * time but cannot be freed before it is through (see lookup.c).
 */
static notrace void route(unsigned long ip, unsigned long parent_ip,
			  struct ftrace_ops *op,
			  struct compat_ftrace_regs *fregs)
{
	const struct parent_site *site;

	lookup_begin();
	if (likely(lookup_cached(parent_ip, &site)))
		send(site->parent, parent_site_redirects(site), fregs);
	else if (lookup_is_last_unlisted(parent_ip))
		parent_count(&parent_other, false);
	else
		route_slow(ip, parent_ip, op, fregs);
	lookup_end();
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

/* Never registered, its filter always empty: tells whether ftrace has shut down. */
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

/*
 * ftrace shut itself down in the middle of a change: the call at the target's
 * entry may lead to the handler for good, so the module's text and the tables
 * must stay.
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

static const char busy[] =
	"refused: another IPMODIFY user has the target, or a direct call, or kernel.ftrace_enabled is 0 (see enabled_functions, kprobes/list, /sys/kernel/livepatch, bpftool link)";

/*
 * ftrace lists an ops before it asks for IPMODIFY. Where others trace the target,
 * calls go by that list, and reach a handler whose registration is then refused:
 * so the handler is armed when ftrace has granted the hook, and not before: see
 * litmus/arm-granted.
 */
static int switch_on(void)
{
	const bool was_dead = ftrace_is_dead();
	int err;

	was_tried = true;
	err = register_ops();
	WRITE_ONCE(refused, err);
	if (!err) {
		lookup_arm(true);
		WRITE_ONCE(on, true);
		return 0;
	}

	if (err == -EBUSY)
		pr_warn_ratelimited("%s: %s\n", hook_target.symbol, busy);
	else
		pr_warn_ratelimited("%s: ftrace refused the hook (%d)\n",
				    hook_target.symbol, err);
	if (!was_dead && ftrace_is_dead())
		pin("register", err);
	return err;
}

/*
 * Disarmed first: while ftrace removes an ops, it hands the target to the next
 * IPMODIFY user before the last handler has ended. See litmus/disarm-seen.
 */
static int switch_off(void)
{
	int err;

	lookup_arm(false);
	err = unregister_ops();
	if (err) {
		/* The hook is still there, and does what it is there for. */
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
 * Why it failed is said in the kernel log. A hook that could not be switched on
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
	 * no other task can ask yet.
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

static int nothing(void *unused)
{
	return 0;
}

/*
 * Wait until no task is in the handler, or in the replacement that it sent it
 * to; no task can enter the handler any more.
 *
 * With tasks RCU, each task has slept voluntarily or been in user space since,
 * and neither the handler nor the replacement sleeps: see litmus/unload-drain.
 *
 * Without it, kernel code is not preemptible: a task in either holds its CPU
 * until it has left. stop_machine() returns when every CPU has switched to its
 * stopper thread. synchronize_rcu() would not do where PREEMPT_COUNT is set (see
 * lookup_begin()), and that ftrace has had every CPU schedule cannot be relied
 * on: it does not after a refused registration, and newer kernels leave it out.
 *
 * No test fails without this wait: for an ops that lives in a module
 * unregister_ftrace_function() waits itself on the kernels tested, and a refused
 * hook redirects nothing. It stays because ftrace promises neither.
 */
static void drain(void)
{
	if (IS_ENABLED(CONFIG_TASKS_RCU))
		synchronize_rcu_tasks();
	else
		stop_machine(nothing, NULL, NULL);
}

/**
 * hook_exit() - take the hook out, for good
 *
 * When this returns nothing can be in the module's text but its caller, and
 * nothing can get there any more:
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
	clear_filter();
}
