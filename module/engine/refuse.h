/* SPDX-License-Identifier: GPL-2.0 */
/* How the module says no. */
#ifndef _MEMEVENTS_HOOK_REFUSE_H
#define _MEMEVENTS_HOOK_REFUSE_H

#include <linux/printk.h>

/*
 * Say in the kernel log why a command is refused, once: where the reason is
 * found. Rate-limited, since users can write as fast as they like.
 */
#define refuse(fmt, ...) pr_warn_ratelimited(fmt, ##__VA_ARGS__)

#endif /* _MEMEVENTS_HOOK_REFUSE_H */
