/* SPDX-License-Identifier: GPL-2.0 */
/* Where a function of the kernel begins. */
#ifndef _PEERS_FUNCTION_H
#define _PEERS_FUNCTION_H

#include <linux/kprobes.h>

/* Return: 0 with its address in @addr, or what register_kprobe() says. */
static inline int peer_find(const char *symbol, unsigned long *addr)
{
	struct kprobe kp = {
		.symbol_name = symbol,
		.flags = KPROBE_FLAG_DISABLED,
	};
	int err = register_kprobe(&kp);

	if (err)
		return err;
	*addr = (unsigned long)kp.addr;
	unregister_kprobe(&kp);
	return 0;
}

#ifdef CONFIG_X86_64

#include <linux/string.h>
#include <linux/types.h>

/*
 * Return: the address of ftrace's call or nop in a function, behind its ENDBR.
 * Kprobes itself steps over that from 6.2 on.
 */
static inline unsigned long peer_behind_endbr(unsigned long addr)
{
	static const u8 endbr[] = { 0xf3, 0x0f, 0x1e, 0xfa };

	if (!memcmp((void *)addr, endbr, sizeof(endbr)))
		addr += sizeof(endbr);
	return addr;
}

#endif

#endif /* _PEERS_FUNCTION_H */
