// SPDX-License-Identifier: GPL-2.0
/*
 * Symbols, found with nothing but exported functions.
 *
 * kallsyms_lookup_name() and its kin are exported nowhere, and calling one
 * through an address that a kprobe gave away faults on machines with IBT. But
 * registering a kprobe by name looks the name up, registering it disabled
 * patches nothing, and sprint_symbol() tells the rest.
 */
#include <linux/errno.h>
#include <linux/kallsyms.h>
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "refuse.h"
#include "symbol.h"

/*
 * sprint_symbol() writes "NAME+0xOFFSET/0xSIZE", then " [MODULE]" for what is
 * not in the core kernel. Returns false where it knows no symbol.
 */
static bool parse_symbol(const char *text, unsigned long *offset,
			 unsigned long *size, bool *in_module)
{
	const char *plus = strrchr(text, '+');

	if (!plus || sscanf(plus, "+%lx/%lx", offset, size) != 2)
		return false;
	*in_module = strchr(plus, '[');
	return true;
}

/**
 * symbol_find() - resolve a function of the core kernel
 * @name: its name, as /proc/kallsyms has it
 * @range: set to where it is; untouched on error
 *
 * Why it failed is said in the kernel log.
 *
 * Context: may sleep; takes the locks of kprobes.
 * Return: 0, -ENOENT where no symbol bears the name, -EINVAL where one does
 * that is no function of the core kernel we could list (data, entry code, code
 * that may not be probed, a module's), -EOPNOTSUPP where the running kernel
 * has no kprobes or no kallsyms to ask, -ENOMEM.
 */
int symbol_find(const char *name, struct symbol_range *range)
{
	struct kprobe kp = {
		.symbol_name = name,
		.flags = KPROBE_FLAG_DISABLED,
	};
	char text[KSYM_SYMBOL_LEN];
	unsigned long addr, offset, size;
	bool in_module;
	int err;

	err = register_kprobe(&kp);
	switch (err) {
	case 0:
		break;
	case -ENOENT:
		refuse("%s: no such symbol\n", name);
		return -ENOENT;
	case -ENOMEM:
		refuse("%s: out of memory\n", name);
		return -ENOMEM;
	case -EOPNOTSUPP:
		refuse("%s: this kernel cannot resolve symbols\n", name);
		return -EOPNOTSUPP;
	default:
		refuse("%s: not a function that can be listed (%d)\n", name,
		       err);
		return -EINVAL;
	}

	/* With a leading ENDBR kprobes moves on to the instruction behind it. */
	addr = (unsigned long)kp.addr;
	unregister_kprobe(&kp);

	sprint_symbol(text, addr);
	if (!parse_symbol(text, &offset, &size, &in_module)) {
		refuse("%s: this kernel cannot resolve symbols\n", name);
		return -EOPNOTSUPP;
	}
	if (in_module) {
		refuse("%s: a module's function cannot be listed\n", name);
		return -EINVAL;
	}

	range->start = addr - offset;
	range->end = range->start + size;
	return 0;
}

/**
 * symbol_show() - print an address as "SYMBOL+0xOFF/0xSIZE [MODULE]"
 * @m: where to
 * @addr: the address
 * @addresses: may the reader see raw addresses? One that no symbol covers any
 *	more (its module is gone) is printed bare, as 0x0 where not.
 *
 * Context: any.
 */
void symbol_show(struct seq_file *m, unsigned long addr, bool addresses)
{
	char text[KSYM_SYMBOL_LEN];
	unsigned long offset, size;
	bool in_module;

	sprint_symbol(text, addr);
	if (parse_symbol(text, &offset, &size, &in_module))
		seq_puts(m, text);
	else
		seq_printf(m, "0x%lx", addresses ? addr : 0);
}
