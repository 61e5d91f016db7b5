/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels that the module is built for, and nothing
 * else. probe.mk asks the headers, here the answers are used: every shim has a
 * name of its own, both variants side by side, and says which commit made the
 * difference. Vendors bring later commits to earlier versions, so this is the only
 * file that may test a version, and does so where the headers cannot tell.
 */
#ifndef _MEMEVENTS_HOOK_COMPAT_H
#define _MEMEVENTS_HOOK_COMPAT_H

#include <linux/version.h>
#include <linux/bitops.h>
#include <linux/ftrace.h>
#include <linux/kernel.h>
#include <linux/ptrace.h>
#include <linux/rcupdate.h>
#ifdef HAVE_TRACE_RECURSION
#include <linux/trace_recursion.h>
#endif
/* f39650de687e ("kernel.h: split out panic and oops helpers"), 5.14: test_taint() */
#ifdef HAVE_PANIC_H
#include <linux/panic.h>
#endif
/* 5f60d5f6bbc1 ("move asm/unaligned.h to linux/unaligned.h"), 6.12 */
#ifdef HAVE_UNALIGNED_H
#include <linux/unaligned.h>
#else
#include <asm/unaligned.h>
#endif

/* What the tests cover begins here; no header tells. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 10, 0)
#error "memevents_hook needs Linux 5.10 or newer"
#endif

#ifndef CONFIG_KPROBES
#error "memevents_hook finds symbols with kprobes: it needs CONFIG_KPROBES=y"
#endif
#ifndef CONFIG_DEBUG_FS
#error "memevents_hook is driven from debugfs: it needs CONFIG_DEBUG_FS=y"
#endif
#if !defined(CONFIG_DYNAMIC_FTRACE_WITH_REGS) && \
	!defined(CONFIG_DYNAMIC_FTRACE_WITH_ARGS)
#error "memevents_hook needs CONFIG_DYNAMIC_FTRACE_WITH_REGS=y or _WITH_ARGS=y"
#endif

/*
 * d19ad0775dcd ("ftrace: Have the callbacks receive a struct ftrace_regs of
 * pt_regs"), 5.11: the handler's last argument.
 */
#ifdef HAVE_FTRACE_REGS
#define compat_ftrace_regs ftrace_regs
#else
#define compat_ftrace_regs pt_regs
#endif

/**
 * compat_set_ip() - let the traced call go on at another function
 * @fregs: the registers the handler was given
 * @ip: address of the function to run in place of the traced one
 *
 * Context: the ftrace handler.
 *
 * 94d095ffa0e1 ("ftrace: abstract DYNAMIC_FTRACE_WITH_ARGS accesses"), 6.2,
 * gave the accessor its present name. Never touch the members: struct
 * ftrace_regs became opaque in 6.13, and in stable kernels before that.
 */
static __always_inline void compat_set_ip(struct compat_ftrace_regs *fregs,
					  unsigned long ip)
{
#if !defined(HAVE_FTRACE_REGS)
	instruction_pointer_set(fregs, ip);
#elif defined(HAVE_FTRACE_REGS_SET_IP)
	ftrace_regs_set_instruction_pointer(fregs, ip);
#elif defined(CONFIG_HAVE_DYNAMIC_FTRACE_WITH_ARGS)
	ftrace_instruction_pointer_set(fregs, ip);
#else
	instruction_pointer_set(ftrace_get_regs(fregs), ip);
#endif
}

/**
 * compat_first_argument() - the first argument of the traced call
 * @fregs: the registers the handler was given
 *
 * Context: the ftrace handler.
 * Return: the argument.
 *
 * The accessor came with 94d095ffa0e1, 6.2, too. Before, struct ftrace_regs is a
 * struct pt_regs, but ftrace_get_regs() gives none that was not saved whole.
 */
static __always_inline void *
compat_first_argument(struct compat_ftrace_regs *fregs)
{
#if !defined(HAVE_FTRACE_REGS)
	return (void *)regs_get_kernel_argument(fregs, 0);
#elif defined(HAVE_FTRACE_REGS_GET_ARGUMENT)
	return (void *)ftrace_regs_get_argument(fregs, 0);
#elif defined(CONFIG_HAVE_DYNAMIC_FTRACE_WITH_ARGS)
	return (void *)regs_get_kernel_argument(&fregs->regs, 0);
#else
	return (void *)regs_get_kernel_argument(ftrace_get_regs(fregs), 0);
#endif
}

/*
 * Saving all registers is only for kernels that cannot hand out the arguments
 * alone, as livepatch has it (2860cd8a2353, 5.11): with ARGS it costs more, and
 * arm64 refuses it.
 */
#ifdef CONFIG_HAVE_DYNAMIC_FTRACE_WITH_ARGS
#define COMPAT_FTRACE_OPS_FL_REGS 0
#else
#define COMPAT_FTRACE_OPS_FL_REGS FTRACE_OPS_FL_SAVE_REGS
#endif

/*
 * a25d036d939a ("ftrace: Reverse what the RECURSION flag means in the
 * ftrace_ops"), 5.11: before, a handler that needs no protection against
 * recursion says so; since, only one that needs it does.
 */
#ifdef HAVE_FTRACE_RECURSION_SAFE
#define COMPAT_FTRACE_OPS_FL_NO_RECURSION FTRACE_OPS_FL_RECURSION_SAFE
#else
#define COMPAT_FTRACE_OPS_FL_NO_RECURSION 0
#endif

/**
 * compat_rcu_barrier_tasks() - wait for all callbacks of call_rcu_tasks()
 *
 * Context: may sleep.
 *
 * Where kernel code is not preemptible, call_rcu_tasks() is call_rcu() by
 * another name, but rcu_barrier_tasks() has no such twin.
 */
static inline void compat_rcu_barrier_tasks(void)
{
#ifdef CONFIG_TASKS_RCU
	rcu_barrier_tasks();
#else
	rcu_barrier();
#endif
}

/**
 * compat_trace_enter() - may the tracepoint be called from the handler here?
 * @ip: the handler's first argument
 * @parent_ip: its second
 *
 * A probe of the tracepoint may itself call the target.
 *
 * Context: the ftrace handler.
 * Return: what compat_trace_exit() is to be given; negative where the call would
 * be a recursion.
 *
 * 773c16705058 ("ftrace: Add recording of functions that caused recursion"),
 * 5.11, put the means into a header that modules can include. Before, there is
 * none.
 */
static __always_inline int compat_trace_enter(unsigned long ip,
					      unsigned long parent_ip)
{
#ifdef HAVE_TRACE_RECURSION
	return ftrace_test_recursion_trylock(ip, parent_ip);
#else
	return 0;
#endif
}

/**
 * compat_trace_exit() - end what compat_trace_enter() has begun
 * @entered: what it returned
 *
 * Context: the ftrace handler.
 */
static __always_inline void compat_trace_exit(int entered)
{
#ifdef HAVE_TRACE_RECURSION
	ftrace_test_recursion_unlock(entered);
#endif
}

/*
 * 2c92ca849fcc ("tracing/treewide: Remove second parameter of
 * __assign_str()"), 6.10.
 */
#ifdef HAVE_ASSIGN_STR_OF_TWO
#define compat_assign_str(dst, src) __assign_str(dst, src)
#else
#define compat_assign_str(dst, src) __assign_str(dst)
#endif

/**
 * compat_test_bit_acquire() - is a bit set?
 * @nr: the bit's number; below BITS_PER_LONG
 * @flags: the word it is in
 *
 * What is read after it was not read before it.
 *
 * Context: any.
 *
 * 8238b4579866 ("wait_on_bit: add an acquire memory barrier"), 6.0, brought
 * it. On x86 it is one instruction that tests the bit, without a barrier.
 */
static __always_inline bool compat_test_bit_acquire(unsigned int nr,
						    const unsigned long *flags)
{
#ifdef HAVE_TEST_BIT_ACQUIRE
	return test_bit_acquire(nr, flags);
#else
	/* Pairs with what its caller says. */
	return smp_load_acquire(flags) & BIT(nr);
#endif
}

#endif /* _MEMEVENTS_HOOK_COMPAT_H */
