// SPDX-License-Identifier: GPL-2.0
/*
 * The debugfs tree: what users see and write. debugfs_layout.md is its manual.
 *
 * Locks: parents_lock is held by whoever adds, removes, resets or lists parents.
 * Removing a file waits for those who are in its handlers, so it happens with no
 * lock held that such a handler takes: the files of a parent's directory, which
 * go under parents_lock, never take it.
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
#include "parents.h"
#include "refuse.h"
#include "symbol_names.h"

static struct dentry *root_dir;
static struct dentry *parents_dir;

static char y_or_n(bool value)
{
	return value ? 'Y' : 'N';
}

static int store_bool(const char *what, char *input, size_t len, bool *value)
{
	int err = input_bool(input, len, value);

	if (err)
		refuse("%s: not a boolean: write one of 1 0 y n on off\n",
		       what);
	return err;
}

static int store_symbol(const char *what, char *input, size_t len, char **name)
{
	int err = input_symbol(input, len, name);

	if (err == -ENAMETOOLONG)
		refuse("%s: the symbol is too long\n", what);
	else if (err)
		refuse("%s: not a symbol\n", what);
	return err;
}

static int enabled_show(struct seq_file *m, void *unused)
{
	seq_printf(m, "%c\n", y_or_n(hook_is_on()));
	return 0;
}

static int enabled_store(void *private, char *input, size_t len)
{
	bool on;
	int err;

	err = store_bool("enabled", input, len, &on);
	return err ?: hook_switch(on);
}

CONTROL_FILE_OPEN(enabled);
CONTROL_FILE_WRITE(enabled, -EINVAL);
CONTROL_FILE_READ_WRITE_FOPS(enabled);

static int target_show(struct seq_file *m, void *unused)
{
	seq_printf(m, "%s 0x%lx 0x%lx\n", hook_target.symbol,
		   control_file_addr(m, hook_range()->start),
		   control_file_addr(m, hook_range()->end));
	return 0;
}

CONTROL_FILE_OPEN(target);
CONTROL_FILE_READ_FOPS(target);

static int banner_file_show(struct seq_file *m, void *unused)
{
	const size_t before = m->count;

	banner_show(m);
	if (m->count == before)
		seq_putc(m, '\n');
	return 0;
}

static int banner_file_store(void *private, char *input, size_t len)
{
	int n;

	n = input_line(input, len, BANNER_MAX);
	if (n == -EMSGSIZE)
		refuse("banner: longer than %d bytes\n", BANNER_MAX);
	else if (n < 0)
		refuse("banner: not one line of printable text\n");
	return n < 0 ? n : banner_set(input, n);
}

CONTROL_FILE_OPEN(banner_file);
CONTROL_FILE_WRITE(banner_file, -EMSGSIZE);
CONTROL_FILE_READ_WRITE_FOPS(banner_file);

static int other_hits_show(struct seq_file *m, void *unused)
{
	seq_printf(m, "%lu\n", parent_hits(&parents_other, NULL));
	return 0;
}

CONTROL_FILE_OPEN(other_hits);
CONTROL_FILE_READ_FOPS(other_hits);

static int other_last_show(struct seq_file *m, void *unused)
{
	unsigned long parent_ip, call;

	mutex_lock(&parents_lock);
	parent_ip = parents_other_last();
	mutex_unlock(&parents_lock);

	if (parent_ip) {
		call = call_site_before(parent_ip);
		symbol_show(m, call, control_file_addr(m, call));
		seq_putc(m, '\n');
	}
	return 0;
}

CONTROL_FILE_OPEN(other_last);
CONTROL_FILE_READ_FOPS(other_last);

static int redirect_show(struct seq_file *m, void *unused)
{
	seq_printf(m, "%c\n", y_or_n(parent_redirects(m->private)));
	return 0;
}

static int redirect_store(void *private, char *input, size_t len)
{
	bool redirect;
	int err;

	err = store_bool("redirect", input, len, &redirect);
	if (!err)
		parent_set_redirect(private, redirect);
	return err;
}

CONTROL_FILE_OPEN(redirect);
CONTROL_FILE_WRITE(redirect, -EINVAL);
CONTROL_FILE_READ_WRITE_FOPS(redirect);

static int hits_show(struct seq_file *m, void *unused)
{
	seq_printf(m, "%lu\n", parent_hits(m->private, NULL));
	return 0;
}

CONTROL_FILE_OPEN(hits);
CONTROL_FILE_READ_FOPS(hits);

static int redirected_show(struct seq_file *m, void *unused)
{
	unsigned long redirected;

	parent_hits(m->private, &redirected);
	seq_printf(m, "%lu\n", redirected);
	return 0;
}

CONTROL_FILE_OPEN(redirected);
CONTROL_FILE_READ_FOPS(redirected);

static int range_show(struct seq_file *m, void *unused)
{
	const struct parent *parent = m->private;

	seq_printf(m, "0x%lx 0x%lx\n",
		   control_file_addr(m, parent->range.start),
		   control_file_addr(m, parent->range.end));
	return 0;
}

CONTROL_FILE_OPEN(range);
CONTROL_FILE_READ_FOPS(range);

static int call_sites_show(struct seq_file *m, void *unused)
{
	const struct parent *parent = m->private;
	unsigned int i;

	for (i = 0; i < parent->nr_sites; i++) {
		const struct call_site *site = &parent->sites[i];

		seq_printf(m, "0x%lx %s+0x%lx %s\n",
			   control_file_addr(m, site->addr), parent->name,
			   site->addr - parent->range.start,
			   site->tail ? "tail" : "call");
	}
	return 0;
}

CONTROL_FILE_OPEN(call_sites);
CONTROL_FILE_READ_FOPS(call_sites);

/* What keeps calls from the parent from being known as its own; NULL for nothing. */
static const char *why_no_calls(const struct parent *parent)
{
	unsigned int i;

	if (!parent->nr_sites)
		return "no direct call to the target in its range";
	for (i = 0; i < parent->nr_sites; i++)
		if (!parent->sites[i].tail)
			return NULL;
	return "tail call only: the caller's address is not on the stack";
}

static void why_line(struct seq_file *m, const char *symbol,
		     const char *const *reasons, int nr)
{
	const char *separator = ": ";
	int i;

	seq_puts(m, symbol);
	for (i = 0; i < nr; i++) {
		if (!reasons[i])
			continue;
		seq_printf(m, "%s%s", separator, reasons[i]);
		separator = "; ";
	}
	seq_puts(m, *separator == ':' ? ": ok\n" : "\n");
}

static int why_show(struct seq_file *m, void *unused)
{
	const char *reasons[3] = { hook_why() };
	const struct parent *parent;
	unsigned int i;

	why_line(m, hook_target.symbol, reasons, 1);

	/* The hook's line says it at length. */
	if (reasons[0])
		reasons[0] = "hook off";

	mutex_lock(&parents_lock);
	for (i = 0; (parent = parents_nth(i)); i++) {
		reasons[1] = parent_redirects(parent) ? NULL : "redirect off";
		reasons[2] = why_no_calls(parent);
		why_line(m, parent->name, reasons, 3);
	}
	mutex_unlock(&parents_lock);
	return 0;
}

CONTROL_FILE_OPEN(why);
CONTROL_FILE_READ_FOPS(why);

/* Width of "0x" and the digits of an address. */
#define ADDR_WIDTH ((int)(2 + 2 * sizeof(unsigned long)))

/* Pads the number behind "0x", which printf() has no way to say. */
static void stats_addr(struct seq_file *m, unsigned long addr)
{
	char text[2 + 2 * sizeof(unsigned long) + 1];

	snprintf(text, sizeof(text), "0x%lx", addr);
	seq_printf(m, "%-*s ", ADDR_WIDTH, text);
}

static int digits(unsigned long n)
{
	return snprintf(NULL, 0, "%lu", n);
}

static int stats_show(struct seq_file *m, void *unused)
{
	static const char other[] = "[other]";
	const struct symbol_range *range = hook_range();
	int width = strlen("# parent"), hits_width = strlen("hits");
	const struct parent *parent;
	unsigned long redirected;
	unsigned int i;

	mutex_lock(&parents_lock);
	hits_width = max(hits_width, digits(parent_hits(&parents_other, NULL)));
	for (i = 0; (parent = parents_nth(i)); i++) {
		width = max_t(int, width, strlen(parent->name));
		hits_width = max(hits_width, digits(parent_hits(parent, NULL)));
	}

	seq_printf(m, "# enabled=%c target=%s range=0x%lx-0x%lx\n",
		   y_or_n(hook_is_on()), hook_target.symbol,
		   control_file_addr(m, range->start),
		   control_file_addr(m, range->end));
	seq_printf(m, "%-*s  %-*s %-*s redirect %*s redirected\n", width,
		   "# parent", ADDR_WIDTH, "start", ADDR_WIDTH, "end",
		   hits_width, "hits");

	for (i = 0; (parent = parents_nth(i)); i++) {
		const unsigned long hits = parent_hits(parent, &redirected);

		seq_printf(m, "%-*s  ", width, parent->name);
		stats_addr(m, control_file_addr(m, parent->range.start));
		stats_addr(m, control_file_addr(m, parent->range.end));
		seq_printf(m, "%-8c %*lu %10lu\n",
			   y_or_n(parent_redirects(parent)), hits_width, hits,
			   redirected);
	}
	mutex_unlock(&parents_lock);

	seq_printf(m, "%-*s  %-*s %-*s %-8s %*lu %10s\n", width, other,
		   ADDR_WIDTH, "-", ADDR_WIDTH, "-", "-", hits_width,
		   parent_hits(&parents_other, NULL), "-");
	return 0;
}

CONTROL_FILE_OPEN(stats);
CONTROL_FILE_READ_FOPS(stats);

static int reset_store(void *private, char *input, size_t len)
{
	bool yes;
	int err;

	err = store_bool("reset", input, len, &yes);
	if (err)
		return err;
	if (!yes) {
		refuse("reset: write a true boolean\n");
		return -EINVAL;
	}

	mutex_lock(&parents_lock);
	parents_reset();
	mutex_unlock(&parents_lock);
	return 0;
}

CONTROL_FILE_WRITE(reset, -EINVAL);
CONTROL_FILE_WRITE_FOPS(reset);

struct control_file {
	const char *name;
	umode_t mode;
	const struct file_operations *fops;
};

static const struct control_file parent_files[] = {
	{ "redirect", 0600, &redirect_fops },
	{ "hits", 0400, &hits_fops },
	{ "redirected", 0400, &redirected_fops },
	{ "range", 0400, &range_fops },
	{ "call_sites", 0400, &call_sites_fops },
};

static int create_files(struct dentry *dir, const struct control_file *files,
			int nr, void *private)
{
	const struct dentry *file;
	int i;

	for (i = 0; i < nr; i++) {
		file = debugfs_create_file(files[i].name, files[i].mode, dir,
					   private, files[i].fops);
		if (IS_ERR(file))
			return PTR_ERR(file);
	}
	return 0;
}

static int create_parent_dir(struct parent *parent)
{
	struct dentry *dir;
	int err;

	dir = debugfs_create_dir(parent->name, parents_dir);
	if (IS_ERR(dir))
		return PTR_ERR(dir);

	err = create_files(dir, parent_files, ARRAY_SIZE(parent_files), parent);
	if (err) {
		debugfs_remove(dir);
		return err;
	}
	parent->dir = dir;
	return 0;
}

static int add_parent_store(void *private, char *input, size_t len)
{
	struct parent *parent;
	char *name;
	int err;

	err = store_symbol("add_parent", input, len, &name);
	if (err)
		return err;

	err = symbol_names_check(name);
	if (err)
		return err;

	mutex_lock(&parents_lock);
	parent = parents_add(name, false);
	if (IS_ERR(parent)) {
		err = PTR_ERR(parent);
	} else {
		err = create_parent_dir(parent);
		if (err) {
			refuse("%s: no directory (%d)\n", name, err);
			parents_remove(parent);
		}
	}
	mutex_unlock(&parents_lock);
	return err;
}

CONTROL_FILE_WRITE(add_parent, -ENAMETOOLONG);
CONTROL_FILE_WRITE_FOPS(add_parent);

static int remove_parent_store(void *private, char *input, size_t len)
{
	struct parent *parent;
	char *name;
	int err;

	err = store_symbol("remove_parent", input, len, &name);
	if (err)
		return err;

	mutex_lock(&parents_lock);
	parent = parents_find(name);
	if (parent) {
		/* The files first: their handlers use the parent. */
		debugfs_remove(parent->dir);
		parents_remove(parent);
	} else {
		refuse("%s: not listed\n", name);
		err = -ENOENT;
	}
	mutex_unlock(&parents_lock);
	return err;
}

CONTROL_FILE_WRITE(remove_parent, -ENAMETOOLONG);
CONTROL_FILE_WRITE_FOPS(remove_parent);

static const struct control_file root_files[] = {
	{ "enabled", 0600, &enabled_fops },
	{ "stats", 0400, &stats_fops },
	{ "target", 0400, &target_fops },
	{ "why", 0400, &why_fops },
	{ "banner", 0600, &banner_file_fops },
	{ "other_hits", 0400, &other_hits_fops },
	{ "other_last", 0400, &other_last_fops },
	{ "add_parent", 0200, &add_parent_fops },
	{ "remove_parent", 0200, &remove_parent_fops },
	{ "reset", 0200, &reset_fops },
};

static int create_tree(void)
{
	struct parent *parent;
	unsigned int i;
	int err = 0;

	parents_dir = debugfs_create_dir("parents", root_dir);
	if (IS_ERR(parents_dir))
		return PTR_ERR(parents_dir);

	mutex_lock(&parents_lock);
	for (i = 0; !err && (parent = parents_nth(i)); i++)
		err = create_parent_dir(parent);
	mutex_unlock(&parents_lock);

	if (err)
		return err;
	return create_files(root_dir, root_files, ARRAY_SIZE(root_files), NULL);
}

/**
 * control_init() - make the debugfs tree
 *
 * Why it failed is said in the kernel log; then nothing of the tree is left,
 * and nobody has had any of it open.
 *
 * Context: module init, as the last step that can fail: from here on users can do
 * everything the tree offers.
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
		pr_err("debugfs does not take our files (%d)\n", err);
		return err;
	}

	control_files_open_up();
	return 0;
}

/**
 * control_exit() - remove the debugfs tree
 *
 * When this returns no handler of a file is running and none can begin.
 *
 * Context: may sleep; parents_lock is not held.
 */
void control_exit(void)
{
	debugfs_remove(root_dir);
}
