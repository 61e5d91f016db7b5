// SPDX-License-Identifier: GPL-2.0
/*
 * The directory of one parent. Its files may be open while the parent is listed
 * and removed: it is freed when they are gone.
 */
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/printk.h>
#include <linux/seq_file.h>

#include "control.h"
#include "control_file.h"
#include "input.h"
#include "parents.h"

static int redirect_show(struct seq_file *m, void *unused)
{
	seq_printf(m, "%c\n", control_y_or_n(parent_redirects(m->private)));
	return 0;
}

static int redirect_store(struct file *file, char *input, size_t len)
{
	bool redirect;
	int err;

	err = control_store_bool("redirect", input, len, &redirect);
	if (err)
		return err;
	if (mutex_lock_killable(&parents_lock))
		return -EINTR;
	parents_set_redirect(file_inode(file)->i_private, redirect);
	mutex_unlock(&parents_lock);
	return 0;
}

CONTROL_FILE_OPEN(redirect);
CONTROL_FILE_WRITE(redirect, -EINVAL);
static CONTROL_FILE_READ_WRITE_FOPS(redirect);

static int times_show(struct seq_file *m, void *unused)
{
	const struct parent *parent = m->private;

	seq_printf(m, "%d\n", atomic_read(&parent->times));
	return 0;
}

static int times_store(struct file *file, char *input, size_t len)
{
	int times, err;

	err = input_number(input, len, PARENT_NO_LIMIT, &times);
	if (err) {
		pr_warn_ratelimited("times: not a number from %d to %d\n",
				    PARENT_NO_LIMIT, INT_MAX);
		return err;
	}
	if (mutex_lock_killable(&parents_lock))
		return -EINTR;
	parents_set_times(file_inode(file)->i_private, times);
	mutex_unlock(&parents_lock);
	return 0;
}

CONTROL_FILE_OPEN(times);
CONTROL_FILE_WRITE(times, -EINVAL);
static CONTROL_FILE_READ_WRITE_FOPS(times);

static int hits_show(struct seq_file *m, void *unused)
{
	seq_printf(m, "%lu\n", parent_hits(m->private, NULL));
	return 0;
}

CONTROL_FILE_OPEN(hits);
static CONTROL_FILE_READ_FOPS(hits);

static int redirected_show(struct seq_file *m, void *unused)
{
	unsigned long redirected;

	parent_hits(m->private, &redirected);
	seq_printf(m, "%lu\n", redirected);
	return 0;
}

CONTROL_FILE_OPEN(redirected);
static CONTROL_FILE_READ_FOPS(redirected);

static int range_show(struct seq_file *m, void *unused)
{
	const struct parent *parent = m->private;

	seq_printf(m, "0x%lx 0x%lx\n",
		   control_file_addr(m, parent->range.start),
		   control_file_addr(m, parent->range.end));
	return 0;
}

CONTROL_FILE_OPEN(range);
static CONTROL_FILE_READ_FOPS(range);

static int call_sites_show(struct seq_file *m, void *unused)
{
	const struct parent *parent = m->private;
	unsigned int i;

	for (i = 0; i < parent->nr_sites; i++) {
		const struct call_site *site = &parent->sites[i];

		seq_printf(m, "0x%lx %s+0x%lx %s\n",
			   control_file_addr(m, site->addr), parent->name,
			   site->addr - parent->range.start,
			   call_site_kind_name(site->kind));
	}
	return 0;
}

CONTROL_FILE_OPEN(call_sites);
static CONTROL_FILE_READ_FOPS(call_sites);

static const struct control_file parent_files[] = {
	{ "redirect", 0600, &control_redirect_fops },
	{ "times", 0600, &control_times_fops },
	{ "hits", 0400, &control_hits_fops },
	{ "redirected", 0400, &control_redirected_fops },
	{ "range", 0400, &control_range_fops },
	{ "call_sites", 0400, &control_call_sites_fops },
};

/**
 * control_create_parent_dir() - make the directory of a parent
 * @parent: the parent, listed or not; its dir is set, on an error too where one was
 *	made: the caller removes it
 * @parents_dir: where to
 *
 * A failure is explained in the kernel log.
 *
 * Context: may sleep; no lock is held that a handler of its files takes.
 * Return: 0, -EEXIST where the removal of a parent of that name has not ended,
 * -ENOMEM.
 */
int control_create_parent_dir(struct parent *parent, struct dentry *parents_dir)
{
	struct dentry *dir;
	int err;

	dir = debugfs_create_dir(parent->name, parents_dir);
	err = PTR_ERR_OR_ZERO(dir);
	if (err == -EEXIST) {
		pr_warn_ratelimited(
			"%s: is still being removed: a file of it may be in use\n",
			parent->name);
		return err;
	}
	if (!err) {
		parent->dir = dir;
		err = control_create_files(dir, parent_files,
					   ARRAY_SIZE(parent_files), parent);
	}
	if (err)
		pr_warn_ratelimited("%s: no directory (%d)\n", parent->name,
				    err);
	return err;
}
