// SPDX-License-Identifier: GPL-2.0
/*
 * The file `hold`: a lease on the redirection. The hook is switched off when
 * the last holder has written a false boolean or closed the file, or its process
 * has died: a test that is killed leaves nothing redirected.
 *
 * Locks: hold_lock -> what hook_switch() takes. The hook is switched off under
 * hold_lock: who becomes a holder meanwhile holds a hook that is off.
 */
#include <linux/errno.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "control.h"
#include "control_file.h"
#include "hook.h"

/* One open file. */
struct hold {
	bool holds; /* under hold_lock */
};

static DEFINE_MUTEX(hold_lock);
static unsigned int holders;

static int hold_show(struct seq_file *m, void *unused)
{
	seq_printf(m, "%u\n", READ_ONCE(holders));
	return 0;
}

static int hold_open(struct inode *inode, struct file *file)
{
	struct hold *hold;
	int err;

	err = control_file_check_open();
	if (err)
		return err;
	hold = kzalloc(sizeof(*hold), GFP_KERNEL);
	if (!hold)
		return -ENOMEM;
	err = single_open(file, hold_show, hold);
	if (err)
		kfree(hold);
	else
		control_file_allow_pwrite(file);
	return err;
}

static void take(struct hold *hold)
{
	if (!hold->holds)
		WRITE_ONCE(holders, holders + 1);
	hold->holds = true;
}

static int drop(struct hold *hold)
{
	if (!hold->holds)
		return 0;
	hold->holds = false;
	WRITE_ONCE(holders, holders - 1);
	return holders ? 0 : hook_switch_off();
}

static int hold_store(struct file *file, char *input, size_t len)
{
	struct seq_file *m = file->private_data;
	bool to;
	int err;

	err = control_store_bool("hold", input, len, &to);
	if (err)
		return err;
	if (mutex_lock_killable(&hold_lock))
		return -EINTR;
	if (to)
		take(m->private);
	else
		err = drop(m->private);
	mutex_unlock(&hold_lock);
	return err;
}

/* Runs when the process is killed, too: a pending signal must not make it fail. */
static int hold_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;
	struct hold *hold = m->private;

	mutex_lock(&hold_lock);
	drop(hold);
	mutex_unlock(&hold_lock);
	kfree(hold);
	return single_release(inode, file);
}

CONTROL_FILE_WRITE(hold, -EINVAL);

const struct file_operations control_hold_fops = {
	.owner = THIS_MODULE,
	.open = hold_open,
	.read = seq_read,
	.write = hold_write,
	.llseek = control_file_seek,
	.release = hold_release,
};
