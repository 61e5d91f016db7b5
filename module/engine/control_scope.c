// SPDX-License-Identifier: GPL-2.0
/* The files that narrow redirection: `only` and `readers`. */
#include <linux/seq_file.h>

#include "control.h"
#include "control_file.h"
#include "parents.h"
#include "scope.h"

static int show(struct seq_file *m, enum scope_part part)
{
	const struct cgroup_name *name;

	if (mutex_lock_killable(&parents_lock))
		return -EINTR;
	name = scope_get(part);
	if (name)
		cgroup_name_show(m, name);
	seq_putc(m, '\n');
	mutex_unlock(&parents_lock);
	return 0;
}

static int only_show(struct seq_file *m, void *unused)
{
	return show(m, SCOPE_ONLY);
}

static int only_store(struct file *file, char *input, size_t len)
{
	return scope_set(SCOPE_ONLY, input, len);
}

CONTROL_FILE_OPEN(only);
CONTROL_FILE_WRITE(only, -ENAMETOOLONG);
CONTROL_FILE_READ_WRITE_FOPS(only);

static int readers_show(struct seq_file *m, void *unused)
{
	return show(m, SCOPE_READERS);
}

static int readers_store(struct file *file, char *input, size_t len)
{
	return scope_set(SCOPE_READERS, input, len);
}

CONTROL_FILE_OPEN(readers);
CONTROL_FILE_WRITE(readers, -ENAMETOOLONG);
CONTROL_FILE_READ_WRITE_FOPS(readers);
