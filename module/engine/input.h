/* SPDX-License-Identifier: GPL-2.0 */
/* The grammar of what users write: to debugfs and as module parameters. */
#ifndef _MEMEVENTS_HOOK_INPUT_H
#define _MEMEVENTS_HOOK_INPUT_H

#include <linux/compiler.h>
#include <linux/types.h>

char *input_copy(const char __user *ubuf, size_t count, int too_long);
int input_bool(char *text, size_t len, bool *value);
int input_symbol(char *text, size_t len, char **name);
int input_number(char *text, size_t len, int min, int *value);
int input_path(char *text, size_t len);
int input_line(char *text, size_t len, size_t max);

#endif /* _MEMEVENTS_HOOK_INPUT_H */
