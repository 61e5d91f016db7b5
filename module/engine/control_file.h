/* SPDX-License-Identifier: GPL-2.0 */
/* What every file under debugfs has in common. */
#ifndef _MEMEVENTS_HOOK_CONTROL_FILE_H
#define _MEMEVENTS_HOOK_CONTROL_FILE_H

#include <linux/fs.h>
#include <linux/module.h>
#include <linux/seq_file.h>

struct dentry;

/* As booleans read. */
static inline char control_y_or_n(bool value)
{
	return value ? 'Y' : 'N';
}

typedef int (*control_show_fn)(struct seq_file *m, void *unused);
typedef int (*control_store_fn)(struct file *file, char *input, size_t len);

void control_files_open(void);

/**
 * struct control_file - a file of the tree
 * @name: its name
 * @mode: its mode
 * @fops: its operations
 */
struct control_file {
	const char *name;
	umode_t mode;
	const struct file_operations *fops;
};

int control_create_files(struct dentry *dir, const struct control_file *files,
			 int nr, void *private);
int control_file_check_open(void);
int control_file_open(struct inode *inode, struct file *file,
		      control_show_fn show);
void control_file_allow_pwrite(struct file *file);
int control_file_open_to_write(struct inode *inode, struct file *file);
loff_t control_file_seek(struct file *file, loff_t offset, int whence);
ssize_t control_file_write(struct file *file, const char __user *ubuf,
			   size_t count, loff_t *ppos, int too_long,
			   control_store_fn store);
int control_store_bool(const char *what, char *input, size_t len, bool *value);
unsigned long control_file_addr(const struct seq_file *m, unsigned long addr);

/*
 * For a file that can be read: name_show() prints it. For one that can be
 * written: name_store() takes a command, and more than a page is refused with
 * @too_long. Then one of the three that make its operations.
 */
#define CONTROL_FILE_OPEN(name)                                        \
	static int name##_open(struct inode *inode, struct file *file) \
	{                                                              \
		return control_file_open(inode, file, name##_show);    \
	}

#define CONTROL_FILE_WRITE(name, too_long)                                   \
	static ssize_t name##_write(struct file *file,                       \
				    const char __user *ubuf, size_t count,   \
				    loff_t *ppos)                            \
	{                                                                    \
		return control_file_write(file, ubuf, count, ppos, too_long, \
					  name##_store);                     \
	}

#define CONTROL_FILE_READ_FOPS(file)                           \
	const struct file_operations control_##file##_fops = { \
		.owner = THIS_MODULE,                          \
		.open = file##_open,                           \
		.read = seq_read,                              \
		.llseek = seq_lseek,                           \
		.release = single_release,                     \
	}

#define CONTROL_FILE_READ_WRITE_FOPS(file)                     \
	const struct file_operations control_##file##_fops = { \
		.owner = THIS_MODULE,                          \
		.open = file##_open,                           \
		.read = seq_read,                              \
		.write = file##_write,                         \
		.llseek = control_file_seek,                   \
		.release = single_release,                     \
	}

#define CONTROL_FILE_WRITE_FOPS(file)                          \
	const struct file_operations control_##file##_fops = { \
		.owner = THIS_MODULE,                          \
		.open = control_file_open_to_write,            \
		.write = file##_write,                         \
		.llseek = noop_llseek,                         \
	}

#endif /* _MEMEVENTS_HOOK_CONTROL_FILE_H */
