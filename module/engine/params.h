/* SPDX-License-Identifier: GPL-2.0 */
/* The module's parameters: what is given at load. */
#ifndef _MEMEVENTS_HOOK_PARAMS_H
#define _MEMEVENTS_HOOK_PARAMS_H

#include <linux/types.h>

/**
 * struct param_text - a parameter of any length
 * @name: its name
 * @given: its value; NULL where the user gave none
 * @fallback: what then holds; NULL for nothing
 */
struct param_text {
	const char *name;
	char *given;
	const char *fallback;
};

extern bool param_enabled;
extern struct param_text param_redirect;
extern struct param_text param_observe;
extern struct param_text param_only;
extern struct param_text param_readers;

#endif /* _MEMEVENTS_HOOK_PARAMS_H */
