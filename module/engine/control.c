// SPDX-License-Identifier: GPL-2.0
/*
 * The debugfs tree: what users see and write. debugfs_layout.md is its manual.
 *
 * Locks: add_lock -> hook_lock -> parents_lock; add_lock -> names_lock; and
 * hold_lock -> hook_lock (control_hold.c). add_lock is held while a parent is
 * added. Names are resolved and directories made without parents_lock, which
 * readers of stats take. Removing a file waits for those who are in its
 * handlers, and one of them may wait for a user: so files are removed with no
 * lock held.
 */
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/printk.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "banner.h"
#include "control.h"
#include "control_file.h"
#include "hook.h"
#include "input.h"
#include "lookup.h"
#include "parents.h"
#include "symbol_names.h"

static DEFINE_MUTEX(add_lock);

static struct dentry *root_dir;
static struct dentry *parents_dir;

static int store_symbol(const char *what, char *input, size_t len, char **name)
{
	int err = input_symbol(input, len, name);

	if (err == -ENAMETOOLONG)
		pr_warn_ratelimited("%s: the symbol is too long\n", what);
	else if (err)
		pr_warn_ratelimited("%s: not a symbol\n", what);
	return err;
}

static int enabled_show(struct seq_file *m, void *unused)
{
	seq_printf(m, "%c\n", control_y_or_n(hook_is_on()));
	return 0;
}

static int enabled_store(struct file *file, char *input, size_t len)
{
	bool on;
	int err;

	err = control_store_bool("enabled", input, len, &on);
	return err ?: hook_switch(on);
}

CONTROL_FILE_OPEN(enabled);
CONTROL_FILE_WRITE(enabled, -EINVAL);
static CONTROL_FILE_READ_WRITE_FOPS(enabled);

static int target_show(struct seq_file *m, void *unused)
{
	const struct symbol_range *range = hook_range();

	if (range)
		seq_printf(m, "%s 0x%lx 0x%lx\n", hook_target.symbol,
			   control_file_addr(m, range->start),
			   control_file_addr(m, range->end));
	else
		seq_printf(m, "%s inlined\n", hook_target.symbol);
	return 0;
}

CONTROL_FILE_OPEN(target);
static CONTROL_FILE_READ_FOPS(target);

static int banner_file_show(struct seq_file *m, void *unused)
{
	const size_t before = m->count;

	banner_show(m);
	if (m->count == before)
		seq_putc(m, '\n');
	return 0;
}

static int banner_file_store(struct file *file, char *input, size_t len)
{
	int n;

	n = input_line(input, len, BANNER_MAX);
	if (n == -EMSGSIZE)
		pr_warn_ratelimited("banner: longer than %d bytes\n",
				    BANNER_MAX);
	else if (n < 0)
		pr_warn_ratelimited("banner: not one line of printable text\n");
	return n < 0 ? n : banner_set(input, n);
}

CONTROL_FILE_OPEN(banner_file);
CONTROL_FILE_WRITE(banner_file, -EMSGSIZE);
static CONTROL_FILE_READ_WRITE_FOPS(banner_file);

static int other_hits_show(struct seq_file *m, void *unused)
{
	seq_printf(m, "%lu\n", parent_hits(&parent_other, NULL));
	return 0;
}

CONTROL_FILE_OPEN(other_hits);
static CONTROL_FILE_READ_FOPS(other_hits);

static int other_last_show(struct seq_file *m, void *unused)
{
	unsigned long parent_ip, call;

	if (mutex_lock_killable(&parents_lock))
		return -EINTR;
	parent_ip = lookup_last_unlisted();
	mutex_unlock(&parents_lock);

	if (parent_ip) {
		call = call_site_before(parent_ip);
		symbol_show(m, call, control_file_addr(m, call));
		seq_putc(m, '\n');
	}
	return 0;
}

CONTROL_FILE_OPEN(other_last);
static CONTROL_FILE_READ_FOPS(other_last);

static int reset_store(struct file *file, char *input, size_t len)
{
	bool yes;
	int err;

	err = control_store_bool("reset", input, len, &yes);
	if (err)
		return err;
	if (!yes) {
		pr_warn_ratelimited("reset: write a true boolean\n");
		return -EINVAL;
	}

	if (mutex_lock_killable(&parents_lock))
		return -EINTR;
	parents_reset();
	mutex_unlock(&parents_lock);
	return 0;
}

CONTROL_FILE_WRITE(reset, -EINVAL);
static CONTROL_FILE_WRITE_FOPS(reset);

static int check_new(const char *name, const struct symbol_range *range)
{
	int err;

	if (mutex_lock_killable(&parents_lock))
		return -EINTR;
	err = parents_check(name, range);
	mutex_unlock(&parents_lock);
	return err;
}

/* List a parent when its files exist: no call is counted in a row that is not shown. */
static int publish(struct parent *parent)
{
	int err;

	if (mutex_lock_killable(&parents_lock))
		return -EINTR;
	err = parents_add(parent);
	mutex_unlock(&parents_lock);
	return err;
}

static bool has_word(const char *list, const char *word)
{
	const size_t len = strlen(word);

	for (; *list; list += *list == ',') {
		const size_t n = strcspn(list, ",");

		if (n == len && !strncmp(list, word, len))
			return true;
		list += n;
	}
	return false;
}

/* Is a name one of those that the target's file says are one function's? */
static bool is_known_unique(const char *name)
{
	return hook_target.unique && (has_word(hook_target.redirect, name) ||
				      has_word(hook_target.observe, name));
}

/*
 * With add_lock held: what check_new() has found stays so, but for removals.
 * @refused: set to the parent where one was made and is not listed: drop_refused()
 *	takes it
 */
static int add_parent(const char *name, bool redirect, struct parent **refused)
{
	struct parent *parent;
	int err;

	err = check_new(name, NULL);
	if (err)
		return err;
	parent = parent_alloc(name, redirect, hook_range());
	if (IS_ERR(parent))
		return PTR_ERR(parent);
	*refused = parent;
	err = check_new(name, &parent->range);
	if (!err && !is_known_unique(name))
		err = symbol_names_check(name, parent->range.start);
	if (!err)
		err = hook_check_parent(name);
	if (err)
		return err;

	err = control_create_parent_dir(parent, parents_dir);
	if (err)
		return err;
	err = hook_list(name);
	if (err)
		return err;
	err = publish(parent);
	if (err) {
		hook_unlist(name);
		return err;
	}
	*refused = NULL;
	return 0;
}

/* No handler has known it. Its files can be open already: no lock is held. */
static void drop_refused(struct parent *parent)
{
	debugfs_remove(parent->dir);
	parent_free(parent);
}

/**
 * control_add_parent() - list a parent and make its directory
 * @name: its symbol
 * @redirect: are its calls redirected, or only counted?
 *
 * A failure is explained in the kernel log. A failure changes nothing.
 *
 * Context: may sleep, for grace periods; after control_init(); no lock is held.
 * Return: 0, -EEXIST (it or its code is listed already, or a removal of it waits
 * for a reader of its files), -ENOTUNIQ, -ENOSPC, -ENOMEM, -EINTR where the task is killed
 * as it waits for a lock, or what symbol_find(), hook_check_parent() or hook_list() says.
 */
int control_add_parent(const char *name, bool redirect)
{
	struct parent *refused = NULL;
	int err;

	if (mutex_lock_killable(&add_lock))
		return -EINTR;
	err = add_parent(name, redirect, &refused);
	mutex_unlock(&add_lock);
	if (refused)
		drop_refused(refused);
	if (err == -ENOMEM)
		pr_warn_ratelimited("%s: out of memory\n", name);
	return err;
}

static int add_parent_store(struct file *file, char *input, size_t len)
{
	char *name;
	int err;

	err = store_symbol("add_parent", input, len, &name);
	return err ?: control_add_parent(name, false);
}

CONTROL_FILE_WRITE(add_parent, -ENAMETOOLONG);
static CONTROL_FILE_WRITE_FOPS(add_parent);

/*
 * Off the list first, so that no other command finds it, then its own hook, if it
 * has one. Then its files, which waits for those who read them. Then the parent,
 * which all may use until then. It can be listed again when its files are gone.
 */
static int remove_parent_store(struct file *file, char *input, size_t len)
{
	struct parent *parent;
	char *name;
	int err;

	err = store_symbol("remove_parent", input, len, &name);
	if (err)
		return err;

	if (mutex_lock_killable(&parents_lock))
		return -EINTR;
	parent = parents_find(name);
	if (parent)
		parents_remove(parent);
	mutex_unlock(&parents_lock);
	if (!parent) {
		pr_warn_ratelimited("%s: not listed\n", name);
		return -ENOENT;
	}

	hook_unlist(parent->name);
	debugfs_remove(parent->dir);
	parent_free_rcu(parent);
	return 0;
}

CONTROL_FILE_WRITE(remove_parent, -ENAMETOOLONG);
static CONTROL_FILE_WRITE_FOPS(remove_parent);

static const struct control_file root_files[] = {
	{ "enabled", 0600, &control_enabled_fops },
	{ "stats", 0400, &control_stats_fops },
	{ "target", 0400, &control_target_fops },
	{ "why", 0400, &control_why_fops },
	{ "only", 0600, &control_only_fops },
	{ "readers", 0600, &control_readers_fops },
	{ "hold", 0600, &control_hold_fops },
	{ "callers", 0400, &control_callers_fops },
	{ "banner", 0600, &control_banner_file_fops },
	{ "other_hits", 0400, &control_other_hits_fops },
	{ "other_last", 0400, &control_other_last_fops },
	{ "add_parent", 0200, &control_add_parent_fops },
	{ "remove_parent", 0200, &control_remove_parent_fops },
	{ "reset", 0200, &control_reset_fops },
};

static int create_tree(void)
{
	parents_dir = debugfs_create_dir("parents", root_dir);
	if (IS_ERR(parents_dir))
		return PTR_ERR(parents_dir);
	return control_create_files(root_dir, root_files,
				    ARRAY_SIZE(root_files), NULL);
}

/**
 * control_init() - make the debugfs tree
 *
 * Its files cannot be opened before control_open(). A failure is explained in the
 * kernel log; then nothing of the tree is left.
 *
 * Context: module init, with no parent listed yet.
 * Return: 0, -EOPNOTSUPP where debugfs is switched off, -EEXIST where something
 * else has the directory, -ENOMEM.
 */
int control_init(void)
{
	int err;

	root_dir = debugfs_create_dir(KBUILD_MODNAME, NULL);
	err = PTR_ERR_OR_ZERO(root_dir);
	if (!err) {
		err = create_tree();
		if (err)
			debugfs_remove(root_dir);
	}
	if (err) {
		/* debugfs=off or debugfs=no-mount on the command line */
		if (err == -EPERM || err == -ENODEV || err == -ENOENT)
			err = -EOPNOTSUPP;
		pr_err("the files in debugfs cannot be created (%d)\n", err);
	}
	return err;
}

/**
 * control_open() - let users open the files
 *
 * From here on they can do everything that the tree offers.
 *
 * Context: module init, which cannot fail any more.
 */
void control_open(void)
{
	control_files_open();
}

/**
 * control_exit() - remove the debugfs tree
 *
 * When this returns no handler of a file is running and none can begin.
 *
 * Context: may sleep; no lock is held.
 */
void control_exit(void)
{
	debugfs_remove(root_dir);
}
