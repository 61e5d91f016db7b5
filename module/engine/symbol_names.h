/* SPDX-License-Identifier: GPL-2.0 */
/* Which names several functions have. */
#ifndef _MEMEVENTS_HOOK_SYMBOL_NAMES_H
#define _MEMEVENTS_HOOK_SYMBOL_NAMES_H

int symbol_names_check(const char *name, unsigned long start);
void symbol_names_exit(void);

#endif /* _MEMEVENTS_HOOK_SYMBOL_NAMES_H */
