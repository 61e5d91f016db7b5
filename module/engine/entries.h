/* SPDX-License-Identifier: GPL-2.0 */
/* Hooks on the functions that the target is inlined into. */
#ifndef _MEMEVENTS_HOOK_ENTRIES_H
#define _MEMEVENTS_HOOK_ENTRIES_H

#include <linux/types.h>

struct call_site;

int entries_find(void);
int entries_init(void);
void entries_exit(void);

int entries_register(void);
int entries_unregister(void);
int entries_want(const char *name, bool now);
int entries_unwant(const char *name);
void entries_use_banner(bool banner);

bool entries_have(const char *name);
int entries_call_sites(struct call_site **sites);

#endif /* _MEMEVENTS_HOOK_ENTRIES_H */
