// SPDX-License-Identifier: GPL-2.0
/*
 * The file `callers`: every direct call or jump to the target in the text of the
 * core kernel, or what stands for one where the target is inlined. The text is
 * searched when the file is opened: printing may begin anew with a larger buffer,
 * and is not to search again.
 */
#include <linux/errno.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "call_sites.h"
#include "control.h"
#include "control_file.h"
#include "entries.h"
#include "hook.h"
#include "parents.h"
#include "symbol.h"

struct callers {
	struct call_site *sites;
	int nr;
};

/* Room for a line of the usual length, so that printing seldom begins anew. */
#define LINE_SIZE 96

/* With parents_lock held. */
static const char *state_of(unsigned long addr)
{
	const struct parent *parent;
	unsigned int i;

	for (i = 0; (parent = parents_nth(i)); i++)
		if (addr >= parent->range.start && addr < parent->range.end)
			return parent_redirects(parent) ? "redirected" :
							  "observed";
	return "-";
}

static int callers_show(struct seq_file *m, void *unused)
{
	const struct callers *callers = m->private;
	char name[KSYM_SYMBOL_LEN];
	struct symbol_range range;
	int i;

	if (mutex_lock_killable(&parents_lock))
		return -EINTR;
	for (i = 0; i < callers->nr; i++) {
		const struct call_site *site = &callers->sites[i];

		if (!symbol_at(site->addr, name, &range))
			continue;
		seq_printf(m, "0x%lx %s+0x%lx %s %s\n",
			   control_file_addr(m, site->addr), name,
			   site->addr - range.start,
			   call_site_kind_name(site->kind),
			   state_of(site->addr));
	}
	mutex_unlock(&parents_lock);
	return 0;
}

static int callers_open(struct inode *inode, struct file *file)
{
	struct symbol_range text;
	struct callers *callers;
	int err;

	err = control_file_check_open();
	if (err)
		return err;
	err = symbol_find_text(&text);
	if (err)
		return err;
	callers = kzalloc(sizeof(*callers), GFP_KERNEL);
	if (!callers)
		return -ENOMEM;
	if (hook_range())
		callers->nr = call_sites_find(&text, hook_range()->start,
					      &callers->sites);
	else
		callers->nr = entries_call_sites(&callers->sites);
	err = min(callers->nr, 0);
	if (!err)
		err = single_open_size(file, callers_show, callers,
				       PAGE_SIZE + callers->nr * LINE_SIZE);
	if (err) {
		kfree(callers->sites);
		kfree(callers);
	}
	return err;
}

static int callers_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;
	struct callers *callers = m->private;

	kfree(callers->sites);
	kfree(callers);
	return single_release(inode, file);
}

const struct file_operations control_callers_fops = {
	.owner = THIS_MODULE,
	.open = callers_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = callers_release,
};
