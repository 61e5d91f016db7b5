// SPDX-License-Identifier: GPL-2.0
/*
 * Symbols, found with nothing but exported functions.
 *
 * kallsyms_lookup_name() and the like are not exported, and calling one
 * through an address that a kprobe gave away faults on machines with IBT. But
 * registering a kprobe by name looks the name up, and sprint_symbol() gives the
 * offset and the size.
 */
#include <linux/errno.h>
#include <linux/kallsyms.h>
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "symbol.h"

/*
 * sprint_symbol() writes "NAME+0xOFFSET/0xSIZE", then " [MODULE]" for what is
 * not in the core kernel, or else the bare address. Returns the '+', or NULL.
 */
static char *parse_symbol(char *text, unsigned long *offset,
			  unsigned long *size)
{
	char *plus = strrchr(text, '+');

	if (!plus || sscanf(plus, "+%lx/%lx", offset, size) != 2)
		return NULL;
	return plus;
}

/**
 * symbol_at() - the core kernel's symbol that covers an address
 * @addr: the address
 * @name: KSYM_SYMBOL_LEN bytes, set to its name
 * @range: set to where it is
 *
 * Context: any.
 * Return: true; false where there is none, or it is a module's.
 */
bool symbol_at(unsigned long addr, char *name, struct symbol_range *range)
{
	unsigned long offset, size;
	char *plus;

	sprint_symbol(name, addr);
	plus = parse_symbol(name, &offset, &size);
	if (!plus || strchr(plus, '['))
		return false;
	*plus = '\0';
	range->start = addr - offset;
	range->end = range->start + size;
	return true;
}

/**
 * symbol_starts_at() - does a symbol start at an address?
 * @addr: the address; of the core kernel, a module or a BPF program
 *
 * Context: any.
 * Return: true where one does.
 */
bool symbol_starts_at(unsigned long addr)
{
	char text[KSYM_SYMBOL_LEN];
	unsigned long offset, size;

	sprint_symbol(text, addr);
	return parse_symbol(text, &offset, &size) && !offset;
}

/* Disabled, a probe patches nothing: registering it only asks questions. */
static int probe_once(struct kprobe *kp)
{
	int err;

	kp->flags = KPROBE_FLAG_DISABLED;
	err = register_kprobe(kp);
	if (!err)
		unregister_kprobe(kp);
	return err;
}

/**
 * symbol_is_insn() - is there an instruction at an address, not the middle of one?
 * @addr: an address in the kernel's text, or a module's
 *
 * The kernel's decoder is not exported, but kprobes asks it before it takes an
 * address, and refuses it with -EILSEQ. Code that may not be probed, or that the
 * kernel patches itself, kprobes refuses before it asks: there every byte is
 * taken for one.
 *
 * Context: may sleep; takes the locks of kprobes.
 * Return: true where there is one.
 */
bool symbol_is_insn(unsigned long addr)
{
	struct kprobe kp = { .addr = (kprobe_opcode_t *)addr };

	return probe_once(&kp) != -EILSEQ;
}

/**
 * symbol_opcode() - the opcode of the instruction at an address
 * @addr: an address in the kernel's text, or a module's
 * @opcode: set to its first byte, on arm64 to all four; untouched on error
 *
 * A kprobe's breakpoint hides it, but kprobes keeps it, and hands it to any other
 * kprobe at the same address.
 *
 * Context: may sleep; takes the locks of kprobes.
 * Return: 0, or what register_kprobe() says.
 */
int symbol_opcode(unsigned long addr, u32 *opcode)
{
	struct kprobe kp = { .addr = (kprobe_opcode_t *)addr };
	int err = probe_once(&kp);

	if (!err)
		*opcode = kp.opcode;
	return err;
}

/* As many probes are registered at a time, and go in one grace period. */
#define PROBES_MAX 256U

/**
 * symbol_clear_non_insns() - ask symbol_is_insn() of many addresses
 * @addrs: the addresses; those where no instruction begins are set to 0
 * @nr: their number
 *
 * Context: may sleep, for a grace period for each PROBES_MAX of them; takes the
 * locks of kprobes.
 * Return: 0 or -ENOMEM.
 */
int symbol_clear_non_insns(unsigned long *addrs, unsigned int nr)
{
	const unsigned int max = min(nr, PROBES_MAX);
	struct kprobe *probes, **registered;
	unsigned int i, n;

	registered = kcalloc(max, sizeof(*registered), GFP_KERNEL);
	probes = kvcalloc(max, sizeof(*probes), GFP_KERNEL);
	for (; registered && probes && nr; addrs += n, nr -= n) {
		int count = 0;

		n = min(nr, max);
		memset(probes, 0, n * sizeof(*probes));
		for (i = 0; i < n; i++) {
			int err;

			probes[i].addr = (kprobe_opcode_t *)addrs[i];
			probes[i].flags = KPROBE_FLAG_DISABLED;
			err = register_kprobe(&probes[i]);
			if (!err)
				registered[count++] = &probes[i];
			else if (err == -EILSEQ)
				addrs[i] = 0;
		}
		if (count)
			unregister_kprobes(registered, count);
	}
	kvfree(probes);
	kfree(registered);
	return nr ? -ENOMEM : 0;
}

/**
 * symbol_is_function() - is a symbol a function that could be listed?
 * @start: its first byte
 *
 * Context: may sleep; takes the locks of kprobes.
 * Return: true for a function that kprobes would take; false for data, too.
 */
bool symbol_is_function(unsigned long start)
{
	struct kprobe kp = { .addr = (kprobe_opcode_t *)start };

	return !probe_once(&kp);
}

/**
 * symbol_look_up() - resolve a function of the core kernel, silently
 * @name: its name, as /proc/kallsyms has it
 * @range: set to where it is; untouched on error
 *
 * Context: may sleep; takes the locks of kprobes.
 * Return: 0, -ENOENT where no symbol has the name, -EXDEV where a module's
 * does, -ENOMEM, or what kprobes says of a symbol that is no function that could
 * be listed (data, entry code, code that may not be probed).
 */
int symbol_look_up(const char *name, struct symbol_range *range)
{
	struct kprobe kp = { .symbol_name = name };
	char found[KSYM_SYMBOL_LEN];
	int err;

	err = probe_once(&kp);
	if (err)
		return err;
	/*
	 * With a leading ENDBR kprobes moves on to the instruction behind it.
	 * An alias may be found, whose range is the same.
	 */
	return symbol_at((unsigned long)kp.addr, found, range) ? 0 : -EXDEV;
}

/**
 * symbol_find() - resolve a function of the core kernel
 * @name: its name, as /proc/kallsyms has it
 * @range: set to where it is; untouched on error
 *
 * A failure is explained in the kernel log, except -ENOMEM.
 *
 * Context: may sleep; takes the locks of kprobes.
 * Return: 0, -ENOENT where no symbol has the name, -EINVAL where one does
 * that is no function of the core kernel that can be listed, -ENOMEM.
 */
int symbol_find(const char *name, struct symbol_range *range)
{
	const int err = symbol_look_up(name, range);

	switch (err) {
	case 0:
		return 0;
	case -ENOENT:
		pr_warn_ratelimited("%s: no such symbol\n", name);
		return -ENOENT;
	case -ENOMEM:
		return -ENOMEM;
	case -EXDEV:
		pr_warn_ratelimited("%s: not in the core kernel\n", name);
		return -EINVAL;
	default:
		pr_warn_ratelimited(
			"%s: not a function that can be listed (%d)\n", name,
			err);
		return -EINVAL;
	}
}

/* Where a symbol is, whether or not kprobes would take it; NULL where unknown. */
static void *address_of(const char *name)
{
	struct kprobe kp = { .symbol_name = name };

	/* Filled in before anything else is checked. */
	probe_once(&kp);
	return kp.addr;
}

/**
 * symbol_find_text() - find the text of the core kernel
 * @range: set to where it is; untouched on error
 *
 * Context: may sleep; takes the locks of kprobes.
 * Return: 0 or -ENOENT.
 */
int symbol_find_text(struct symbol_range *range)
{
	const unsigned long start = (unsigned long)address_of("_stext");
	const unsigned long end = (unsigned long)address_of("_etext");

	if (!start || end <= start)
		return -ENOENT;
	range->start = start;
	range->end = end;
	return 0;
}

/**
 * symbol_show() - print an address as "SYMBOL+0xOFF/0xSIZE [MODULE]"
 * @m: where to
 * @addr: the address
 * @bare: printed in its place where no symbol covers it (any more, if it was a
 *	module's): the address, or 0 for who may not see it
 *
 * Context: any.
 */
void symbol_show(struct seq_file *m, unsigned long addr, unsigned long bare)
{
	char text[KSYM_SYMBOL_LEN];
	unsigned long offset, size;

	sprint_symbol(text, addr);
	if (parse_symbol(text, &offset, &size))
		seq_puts(m, text);
	else
		seq_printf(m, "0x%lx", bare);
}
