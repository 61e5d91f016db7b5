// SPDX-License-Identifier: GPL-2.0
/*
 * The banner is printed while it may be rewritten, on any number of CPUs: each
 * text is a piece of memory of its own, published whole and freed when RCU
 * says that no reader can hold it. So a reader gets the old line or the
 * new one, never a mixture. See litmus/banner-publish and litmus/banner-free.
 */
#include <linux/errno.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "banner.h"
#include "hook.h"

struct banner {
	struct rcu_head rcu;
	size_t len;
	char line[]; /* @len bytes, the newline among them; no NUL */
};

/* Held while the banner is replaced. */
static DEFINE_MUTEX(banner_lock);
/* NULL is the empty one. */
static struct banner __rcu *banner;

/**
 * banner_set() - replace the banner
 * @text: its text, without newline
 * @len: its length in bytes; 0 for no banner
 *
 * Every replacement that begins after the return prints the new text.
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM, which changes nothing.
 */
int banner_set(const char *text, size_t len)
{
	struct banner *new = NULL, *old;

	if (len) {
		new = kmalloc(struct_size(new, line, len + 1), GFP_KERNEL);
		if (!new)
			return -ENOMEM;
		memcpy(new->line, text, len);
		new->line[len] = '\n';
		new->len = len + 1;
	}

	mutex_lock(&banner_lock);
	old = rcu_replace_pointer(banner, new, lockdep_is_held(&banner_lock));
	hook_use_banner(new);
	mutex_unlock(&banner_lock);

	if (old)
		kfree_rcu(old, rcu);
	return 0;
}

/**
 * banner_show() - print the banner, as a line of its own, if there is one
 * @m: where to
 *
 * Context: any process context; does not sleep, so a replacement may call it.
 */
void banner_show(struct seq_file *m)
{
	const struct banner *b;

	rcu_read_lock();
	b = rcu_dereference(banner);
	if (b)
		seq_write(m, b->line, b->len);
	rcu_read_unlock();
}

/**
 * banner_exit() - free the banner
 *
 * Context: may sleep. No banner_show() can be running or begin any more.
 */
void banner_exit(void)
{
	kfree(rcu_replace_pointer(banner, NULL, true));
}
