// SPDX-License-Identifier: GPL-2.0
/*
 * Has ftrace find other bytes at a function's entry than it left there: it takes
 * that for a bug (which it is), warns, and shuts itself down for good. The
 * function is our own, and ftrace finds it at once; or it is the one named, and
 * ftrace finds it when it takes that one's last tracer out, or puts its first in.
 * For guests that are thrown away afterwards.
 */
#include <linux/ftrace.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "compat.h"
#include "function.h"

static char *symbol;
module_param(symbol, charp, 0444);
MODULE_PARM_DESC(symbol, "a function of the kernel's own, traced or not");

static const u8 peer_nop[] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 };
static const u8 peer_other_nop[] = { 0x66, 0x66, 0x66, 0x66, 0x90 };
static const u8 peer_call = 0xe8;

static noinline void peer_victim(void)
{
	barrier();
}

static void notrace peer_handler(unsigned long ip, unsigned long parent_ip,
				 struct ftrace_ops *ops,
				 struct compat_ftrace_regs *fregs)
{
}

static struct ftrace_ops peer_ops = {
	.func = peer_handler,
	.flags = COMPAT_FTRACE_OPS_FL_REGS | COMPAT_FTRACE_OPS_FL_NO_RECURSION,
};

static struct page *peer_page(unsigned long address)
{
	if (address >= MODULES_VADDR && address < MODULES_END)
		return vmalloc_to_page((void *)address);
	return virt_to_page((void *)address);
}

/* Text cannot be written, but the pages it lies in can be mapped again. */
static int peer_write(unsigned long to, const u8 *bytes, size_t len)
{
	struct page *pages[2] = {
		peer_page(to),
		peer_page(to + len - 1),
	};
	u8 *alias = vmap(pages, 2, VM_MAP, PAGE_KERNEL);

	if (!alias)
		return -ENOMEM;
	memcpy(alias + offset_in_page(to), bytes, len);
	vunmap(alias);
	return 0;
}

/* Neither ftrace's call nor its nop is there any more, and ftrace is not told. */
static int peer_spoil(void)
{
	unsigned long site;
	int err = peer_find(symbol, &site);

	if (err)
		return err;
	site = peer_behind_endbr(site);
	if (*(const u8 *)site != peer_call &&
	    memcmp((void *)site, peer_nop, sizeof(peer_nop)))
		return -EOPNOTSUPP;
	return peer_write(site, peer_other_nop, sizeof(peer_other_nop));
}

static int __init peer_init(void)
{
	unsigned long site = (unsigned long)peer_victim;
	int err;

	if (symbol)
		return peer_spoil();
	peer_victim();
	/* Or the compiler adds the offsets, and objtool sees calls behind the ENDBR. */
	OPTIMIZER_HIDE_VAR(site);
	site = peer_behind_endbr(site);
	if (memcmp((void *)site, peer_nop, sizeof(peer_nop)))
		return -EOPNOTSUPP;

	err = peer_write(site, peer_other_nop, sizeof(peer_other_nop));
	if (!err)
		err = ftrace_set_filter_ip(&peer_ops, site, 0, 0);
	if (!err)
		register_ftrace_function(&peer_ops);
	return err;
}
module_init(peer_init);

/* No exit: ftrace may still refer to this module. */

MODULE_DESCRIPTION("Test peer: makes ftrace shut itself down");
MODULE_AUTHOR("The memevents_hook developers");
MODULE_LICENSE("GPL");
