// SPDX-License-Identifier: GPL-2.0
/*
 * What every file under debugfs has in common.
 *
 * Lifetimes: removing a file waits in debugfs until no task is in its handlers,
 * and they fail from then on: so a handler may use what its file is about. An open
 * file holds the module (owner of its operations). A failing init frees the module
 * regardless of that: so no file can be opened before init is sure to succeed.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>

#include "control_file.h"
#include "input.h"

static bool open_for_users;

/**
 * control_files_open() - from now on the files can be opened
 *
 * Context: module init, which cannot fail any more.
 */
void control_files_open(void)
{
	/*
	 * Pairs with the acquire in control_file_check_open(): what they show is
	 * there. See litmus/files-open.
	 */
	smp_store_release(&open_for_users, true);
}

/**
 * control_create_files() - make the files of a directory
 * @dir: the directory
 * @files: what files
 * @nr: their number
 * @private: for their inodes
 *
 * Context: may sleep.
 * Return: 0 or what debugfs says; then some of them may be there.
 */
int control_create_files(struct dentry *dir, const struct control_file *files,
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

/**
 * control_file_check_open() - may the files be opened?
 *
 * Context: any.
 * Return: 0, -ENODEV while the module is still loading.
 */
int control_file_check_open(void)
{
	/* Pairs with the release in control_files_open(). */
	return smp_load_acquire(&open_for_users) ? 0 : -ENODEV;
}

/**
 * control_file_open() - open a file that can be read
 * @inode: its inode, with what it is about in i_private
 * @file: the file
 * @show: prints it, with i_private in the private of the seq_file
 *
 * Context: may sleep.
 * Return: 0, -ENODEV while the module is still loading, -ENOMEM.
 */
int control_file_open(struct inode *inode, struct file *file,
		      control_show_fn show)
{
	int err = control_file_check_open();

	if (err)
		return err;
	err = single_open(file, show, inode->i_private);
	if (!err)
		control_file_allow_pwrite(file);
	return err;
}

/**
 * control_file_allow_pwrite() - take commands by pwrite(), too
 * @file: a file that seq_file has opened
 *
 * seq_file takes it away. What is written does not depend on the offset.
 *
 * Context: the open operation of a file.
 */
void control_file_allow_pwrite(struct file *file)
{
	if (file->f_mode & FMODE_WRITE)
		file->f_mode |= FMODE_PWRITE;
}

/**
 * control_file_open_to_write() - open a file that can only be written
 * @inode: its inode
 * @file: the file
 *
 * Context: any.
 * Return: 0, -ENODEV while the module is still loading.
 */
int control_file_open_to_write(struct inode *inode, struct file *file)
{
	return control_file_check_open();
}

/**
 * control_file_seek() - move the offset of a file that can be read and written
 * @file: the file
 * @offset: where to, in bytes
 * @whence: from where
 *
 * Many libraries, Python's among them, seek to the end of a file that they open to
 * append to. seq_lseek() does not support SEEK_END. A write does not depend on the
 * offset, so the offset stays as it is, and that is no error.
 *
 * Context: may sleep.
 * Return: the offset, or what seq_lseek() says.
 */
loff_t control_file_seek(struct file *file, loff_t offset, int whence)
{
	if (whence == SEEK_END)
		return noop_llseek(file, offset, whence);
	return seq_lseek(file, offset, whence);
}

/**
 * control_file_write() - take one command
 * @file: the file
 * @ubuf: the user's buffer
 * @count: its length in bytes
 * @ppos: the file's offset, which neither matters nor moves
 * @too_long: the error for more than a page
 * @store: acts on it; given the file, a NUL-terminated copy of the input that it
 *	may change, and the length of that in bytes. Says in the
 *	kernel log why it refuses
 *
 * Each write() is one whole command.
 *
 * Context: may sleep.
 * Return: @count, @too_long, -EFAULT, -ENOMEM, or what @store says.
 */
ssize_t control_file_write(struct file *file, const char __user *ubuf,
			   size_t count, loff_t *ppos, int too_long,
			   control_store_fn store)
{
	char *input;
	int err;

	input = input_copy(ubuf, count, too_long);
	if (IS_ERR(input)) {
		err = PTR_ERR(input);
		pr_warn_ratelimited("%pD: write of %zu bytes refused (%d)\n",
				    file, count, err);
		return err;
	}
	err = store(file, input, count);
	kfree(input);
	if (err)
		return err;
	return count;
}

/**
 * control_store_bool() - read a boolean that was written to a file
 * @what: the file's name
 * @input: what was written; changed
 * @len: its length in bytes
 * @value: set to what it says; untouched on error
 *
 * A failure is explained in the kernel log.
 *
 * Context: any.
 * Return: 0 or -EINVAL.
 */
int control_store_bool(const char *what, char *input, size_t len, bool *value)
{
	int err = input_bool(input, len, value);

	if (err)
		pr_warn_ratelimited(
			"%s: not a boolean: write one of 1 0 y n on off\n",
			what);
	return err;
}

/**
 * control_file_addr() - an address as the reader may see it
 * @m: where it will be printed
 * @addr: the address
 *
 * The credentials of the opener decide, as for /proc/kallsyms. The sysctls that change
 * the rule there, such as kernel.kptr_restrict, are not exported to modules, and are
 * not considered.
 *
 * Context: any in which capabilities may be asked for.
 * Return: @addr, or 0 where the opener has no CAP_SYSLOG.
 */
unsigned long control_file_addr(const struct seq_file *m, unsigned long addr)
{
	return file_ns_capable(m->file, &init_user_ns, CAP_SYSLOG) ? addr : 0;
}
