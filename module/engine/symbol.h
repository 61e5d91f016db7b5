/* SPDX-License-Identifier: GPL-2.0 */
/* A name to its address range, and back. */
#ifndef _MEMEVENTS_HOOK_SYMBOL_H
#define _MEMEVENTS_HOOK_SYMBOL_H

#include <linux/types.h>

struct seq_file;

/**
 * struct symbol_range - the text of one function, as kallsyms has it
 * @start: address of the first byte
 * @end: address behind the last byte; padding up to the next symbol counts in
 */
struct symbol_range {
	unsigned long start;
	unsigned long end;
};

/**
 * symbol_range_overlaps() - do two functions share a byte?
 * @a: one range
 * @b: the other
 *
 * Return: true where they do.
 */
static inline bool symbol_range_overlaps(const struct symbol_range *a,
					 const struct symbol_range *b)
{
	return a->start < b->end && b->start < a->end;
}

bool symbol_at(unsigned long addr, char *name, struct symbol_range *range);
bool symbol_starts_at(unsigned long addr);
bool symbol_is_insn(unsigned long addr);
int symbol_opcode(unsigned long addr, u32 *opcode);
int symbol_clear_non_insns(unsigned long *addrs, unsigned int nr);
bool symbol_is_function(unsigned long start);
int symbol_look_up(const char *name, struct symbol_range *range);
int symbol_find(const char *name, struct symbol_range *range);
int symbol_find_text(struct symbol_range *range);
void symbol_show(struct seq_file *m, unsigned long addr, unsigned long bare);

#endif /* _MEMEVENTS_HOOK_SYMBOL_H */
