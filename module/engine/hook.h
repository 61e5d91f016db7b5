/* SPDX-License-Identifier: GPL-2.0 */
/* The ftrace side: the target, and whether its calls reach the handler. */
#ifndef _MEMEVENTS_HOOK_HOOK_H
#define _MEMEVENTS_HOOK_HOOK_H

#include <linux/types.h>

#include "symbol.h"

struct cgroup;

/**
 * struct hook_entry - a function that a compiler may inline the target into
 * @symbol: its name; NULL for none
 * @replacement: the function to run in its place: same arguments, same return
 *	value, and no sleep, as that of struct hook_target
 * @replacement_with_banner: as that of struct hook_target
 */
struct hook_entry {
	const char *symbol;
	void *replacement;
	void *replacement_with_banner;
};

/* As many functions can be hooked in the target's place. */
#define HOOK_ENTRIES_MAX 4

/**
 * struct hook_target - the function to hook, as its file describes it
 * @symbol: its name
 * @unique: whether it and the default parents are known to be the only functions
 *	of their names; otherwise this is checked as they are listed, which takes
 *	a tenth of a second the first time
 * @replacement: the function to run in its place: same arguments, same return
 *	value. It must not sleep, or unloading would free it under a sleeper
 * @replacement_with_banner: if not NULL, runs instead while there is a banner,
 *	so that the other one need not ask
 * @banner: what the banner says by default
 * @redirect: comma list of the parents redirected by default
 * @observe: comma list of the parents only counted by default
 * @cgroup_of: if not NULL, tells from the first argument of a call which cgroup
 *	it is about, so that redirection can be narrowed to one. Called from the
 *	handler: must be notrace and must not sleep
 * @no_call: if not NULL, says why no call to the function can come; NULL where
 *	calls can come. May sleep
 * @entries: where the compiler inlined the target into its callers, those: they
 *	are hooked in its place. Their first argument is the target's, for @cgroup_of
 */
struct hook_target {
	const char *symbol;
	bool unique;
	void *replacement;
	void *replacement_with_banner;
	const char *banner;
	const char *redirect;
	const char *observe;
	struct cgroup *(*cgroup_of)(const void *argument);
	const char *(*no_call)(void);
	struct hook_entry entries[HOOK_ENTRIES_MAX];
};

/* Defined by the one file that knows the target: here, memory_events.c. */
extern const struct hook_target hook_target;

int hook_init(const struct symbol_range *range);
void hook_exit(void);

int hook_check_parent(const char *name);
int hook_list(const char *name);
void hook_unlist(const char *name);

int hook_switch(bool to);
int hook_switch_off(void);
void hook_use_banner(bool banner);
bool hook_is_on(void);
bool hook_is_pinned(void);
const char *hook_why(bool *is_on);
const struct symbol_range *hook_range(void);

#endif /* _MEMEVENTS_HOOK_HOOK_H */
