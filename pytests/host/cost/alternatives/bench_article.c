// SPDX-License-Identifier: GPL-2.0
/*
 * The usual way to hook by ftrace, as articles have it, with today's names: all
 * registers saved, the callers searched one by one, nothing counted.
 */
#include <linux/ftrace.h>
#include <linux/module.h>

#include "callers.h"
#include "compat.h"
#include "replacement.h"

/* Where the architecture can save the arguments only, that has to do. */
#ifdef CONFIG_DYNAMIC_FTRACE_WITH_REGS
#define ARTICLE_FL_REGS FTRACE_OPS_FL_SAVE_REGS
#else
#define ARTICLE_FL_REGS 0
#endif

static void notrace article_handler(unsigned long ip, unsigned long parent_ip,
				    struct ftrace_ops *ops,
				    struct compat_ftrace_regs *fregs)
{
	if (is_caller(parent_ip))
		compat_set_ip(fregs, (unsigned long)replacement());
}

static struct ftrace_ops article_ops = {
	.func = article_handler,
	.flags = FTRACE_OPS_FL_IPMODIFY | ARTICLE_FL_REGS |
		 COMPAT_FTRACE_OPS_FL_NO_RECURSION,
};

static unsigned char target[] = "__memory_events_show";

static int __init article_init(void)
{
	int err =
		ftrace_set_filter(&article_ops, target, sizeof(target) - 1, 1);

	return err ?: register_ftrace_function(&article_ops);
}
module_init(article_init);

static void __exit article_exit(void)
{
	unregister_ftrace_function(&article_ops);
	ftrace_set_filter(&article_ops, NULL, 0, 1);
	synchronize_rcu_tasks();
}
module_exit(article_exit);

MODULE_DESCRIPTION("Benchmark: an ftrace hook as articles have it");
MODULE_AUTHOR("The memevents_hook developers");
MODULE_LICENSE("GPL");
