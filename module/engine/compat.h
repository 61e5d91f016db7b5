/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels we build for, and nothing else. This is the
 * only file that tests LINUX_VERSION_CODE (make lint enforces it); every shim
 * has a name of its own, both variants side by side, and says which commit
 * made the difference.
 */
#ifndef _MEMEVENTS_HOOK_COMPAT_H
#define _MEMEVENTS_HOOK_COMPAT_H

#include <linux/version.h>
#include <linux/bitops.h>
#include <linux/ftrace.h>
#include <linux/kernel.h>
#include <linux/ptrace.h>
#include <linux/rcupdate.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 11, 0)
#include <linux/trace_recursion.h>
#endif
/* f39650de687e ("kernel.h: split out panic and oops helpers"), 5.14: test_taint() */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 14, 0)
#include <linux/panic.h>
#endif

/* 5f60d5f6bbc1 ("move asm/unaligned.h to linux/unaligned.h"), 6.12 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#include <asm/unaligned.h>
#else
#include <linux/unaligned.h>
#endif

/*
 * The range is what the tests cover. A newer kernel most likely works; build
 * with KCFLAGS=-DMEMEVENTS_HOOK_ANY_KERNEL to try one.
 */
#ifndef MEMEVENTS_HOOK_ANY_KERNEL
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 10, 0)
#error "memevents_hook needs Linux 5.10 or newer"
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(7, 4, 0)
#error "newer than 7.3, tested last: try KCFLAGS=-DMEMEVENTS_HOOK_ANY_KERNEL"
#endif
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
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 11, 0)
#define compat_ftrace_regs pt_regs
#else
#define compat_ftrace_regs ftrace_regs
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
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 11, 0)
	instruction_pointer_set(fregs, ip);
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#ifdef CONFIG_HAVE_DYNAMIC_FTRACE_WITH_ARGS
	ftrace_instruction_pointer_set(fregs, ip);
#else
	instruction_pointer_set(ftrace_get_regs(fregs), ip);
#endif
#else
	ftrace_regs_set_instruction_pointer(fregs, ip);
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
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 11, 0)
	return (void *)regs_get_kernel_argument(fregs, 0);
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#ifdef CONFIG_HAVE_DYNAMIC_FTRACE_WITH_ARGS
	return (void *)regs_get_kernel_argument(&fregs->regs, 0);
#else
	return (void *)regs_get_kernel_argument(ftrace_get_regs(fregs), 0);
#endif
#else
	return (void *)ftrace_regs_get_argument(fregs, 0);
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
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 11, 0)
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
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 11, 0)
	return 0;
#else
	return ftrace_test_recursion_trylock(ip, parent_ip);
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
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 11, 0)
	ftrace_test_recursion_unlock(entered);
#endif
}

/*
 * 2c92ca849fcc ("tracing/treewide: Remove second parameter of
 * __assign_str()"), 6.10.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
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
 * it; x86 makes one instruction of it and its branch.
 */
static __always_inline bool compat_test_bit_acquire(unsigned int nr,
						    const unsigned long *flags)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 0, 0)
	/* Pairs with what its caller says. */
	return smp_load_acquire(flags) & BIT(nr);
#else
	return test_bit_acquire(nr, flags);
#endif
}

#endif /* _MEMEVENTS_HOOK_COMPAT_H */
