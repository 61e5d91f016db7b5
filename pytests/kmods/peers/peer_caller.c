// SPDX-License-Identifier: GPL-2.0
/*
 * A caller of __memory_events_show that stands in a module's text:
 * /sys/kernel/debug/peer_caller/events shows what the target prints for the
 * numbers 1000, 1001, ...
 *
 * On x86_64 the call can have any return address: return_to is that of a
 * function that does nothing but return. There the target returns to, and from
 * there the call is over.
 */
#include <linux/atomic.h>
#include <linux/debugfs.h>
#include <linux/kprobes.h>
#include <linux/linkage.h>
#include <linux/module.h>
#include <linux/objtool.h>
#include <linux/seq_file.h>

typedef void peer_show_t(struct seq_file *m, atomic_long_t *events);

static peer_show_t *peer_target;
static atomic_long_t peer_events[64];
static struct dentry *peer_dir;

static unsigned long return_to;
module_param(return_to, ulong, 0);
MODULE_PARM_DESC(return_to,
		 "address the target returns to (default: behind the call)");

/*
 * The target has no ENDBR where only direct calls reach it, so an indirect
 * call would fault on a machine with IBT. A return does not: go there by one.
 */
static noinline __noclone void peer_call(struct seq_file *m,
					 atomic_long_t *events)
{
#ifdef CONFIG_X86_64
#ifndef ASM_RET
#define ASM_RET "ret\n\t"
#endif
	asm volatile("leaq 1f(%%rip), %%rax\n\t"
		     "pushq %%rax\n\t"
		     "testq %[return_to], %[return_to]\n\t"
		     "jz 2f\n\t"
		     "pushq %[return_to]\n\t"
		     "2: pushq %[target]\n\t" ASM_RET "1:"
		     : "+D"(m), "+S"(events)
		     : [target] "r"(peer_target), [return_to] "r"(return_to)
		     : "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "cc",
		       "memory");
#else
	peer_target(m, events);
	barrier(); /* no tail call: the return address is ours */
#endif
}

STACK_FRAME_NON_STANDARD(peer_call);

static int peer_events_show(struct seq_file *m, void *v)
{
	peer_call(m, peer_events);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(peer_events);

static int __init peer_init(void)
{
	struct kprobe kp = {
		.symbol_name = "__memory_events_show",
		.flags = KPROBE_FLAG_DISABLED,
	};
	size_t i;
	int err;

	err = register_kprobe(&kp);
	if (err)
		return err;
	peer_target = (peer_show_t *)kp.addr;
	unregister_kprobe(&kp);

	for (i = 0; i < ARRAY_SIZE(peer_events); i++)
		atomic_long_set(&peer_events[i], 1000 + i);
	peer_dir = debugfs_create_dir("peer_caller", NULL);
	debugfs_create_file("events", 0400, peer_dir, NULL, &peer_events_fops);
	return 0;
}
module_init(peer_init);

static void __exit peer_exit(void)
{
	debugfs_remove_recursive(peer_dir);
}
module_exit(peer_exit);

MODULE_DESCRIPTION("Test peer: calls the target from module text");
MODULE_AUTHOR("The memevents_hook authors");
MODULE_LICENSE("GPL");
