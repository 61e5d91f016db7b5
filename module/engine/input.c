// SPDX-License-Identifier: GPL-2.0
/*
 * Input is checked here, whole, before anything acts on it. kstrtobool() is not
 * used: it ignores all but the first characters, and which words it takes depends
 * on the kernel.
 */
#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/kallsyms.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "input.h"

/**
 * input_copy() - copy what one write() brought
 * @ubuf: the user's buffer
 * @count: its length in bytes; 0 is allowed
 * @too_long: the error for more than a page
 *
 * Context: may sleep, may fault.
 * Return: a NUL-terminated copy for kfree(), or ERR_PTR() of @too_long,
 * -EFAULT or -ENOMEM.
 */
char *input_copy(const char __user *ubuf, size_t count, int too_long)
{
	if (count > PAGE_SIZE)
		return ERR_PTR(too_long);
	return memdup_user_nul(ubuf, count);
}

/*
 * The text between the blanks around it, or NULL where there is a NUL within or
 * a byte that is not ASCII: strim() takes Latin-1's NBSP for a blank.
 */
static char *word_in(char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (!text[i] || !isascii(text[i]))
			return NULL;
	return strim(text);
}

/**
 * input_bool() - read a boolean
 * @text: the input; the blanks behind the word are cut off in place
 * @len: its length in bytes, a terminating NUL not counted
 * @value: set to what it says; untouched on error
 *
 * Context: any.
 * Return: 0, or -EINVAL for anything but 1, 0, y, n, on and off, in either
 * case, with blanks around.
 */
int input_bool(char *text, size_t len, bool *value)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {
		{ "1", true },	{ "y", true },	{ "on", true },
		{ "0", false }, { "n", false }, { "off", false },
	};
	const char *word;
	int i;

	word = word_in(text, len);
	if (!word)
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(words); i++) {
		if (!strcasecmp(word, words[i].word)) {
			*value = words[i].value;
			return 0;
		}
	}
	return -EINVAL;
}

/*
 * The longest name that can be listed, in bytes: the kernel knows no longer
 * symbol, and a parent's directory has its name.
 */
#define SYMBOL_NAME_MAX min(KSYM_NAME_LEN - 1, NAME_MAX)

/**
 * input_symbol() - read a symbol's name
 * @text: the input; the blanks behind the name are cut off in place
 * @len: its length in bytes, a terminating NUL not counted
 * @name: set to the name within @text; untouched on error
 *
 * Context: any.
 * Return: 0, -EINVAL where it is empty or holds a blank, a control character, a
 * NUL or a byte that is not ASCII, -ENAMETOOLONG.
 */
int input_symbol(char *text, size_t len, char **name)
{
	char *word, *c;

	word = word_in(text, len);
	if (!word || !*word)
		return -EINVAL;
	for (c = word; *c; c++)
		if (!isgraph(*c))
			return -EINVAL;
	if (c - word > SYMBOL_NAME_MAX)
		return -ENAMETOOLONG;

	*name = word;
	return 0;
}

/**
 * input_number() - read a decimal number
 * @text: the input; the blanks behind the number are cut off in place
 * @len: its length in bytes, a terminating NUL not counted
 * @min: the least that is allowed; the most is INT_MAX
 * @value: set to what it says; untouched on error
 *
 * Context: any.
 * Return: 0, or -EINVAL for anything else than such a number, with blanks around.
 */
int input_number(char *text, size_t len, int min, int *value)
{
	const char *word = word_in(text, len);
	int number;

	if (!word || kstrtoint(word, 10, &number) || number < min)
		return -EINVAL;
	*value = number;
	return 0;
}

/* The length of what is before one newline at the end, which is cut off. */
static size_t without_newline(char *text, size_t len)
{
	if (len && text[len - 1] == '\n')
		text[--len] = '\0';
	return len;
}

/**
 * input_path() - read a path that begins with a slash
 * @text: the input; one newline at its end is cut off in place
 * @len: its length in bytes, a terminating NUL not counted
 *
 * It is taken as it is: any other byte but a control character may be in it.
 *
 * Context: any.
 * Return: the path's length in bytes, 0 for an empty one, -EINVAL where it does
 * not begin with a slash or holds a control character or a NUL, -ENAMETOOLONG
 * where it is longer than PATH_MAX - 1 bytes or a component than NAME_MAX.
 */
int input_path(char *text, size_t len)
{
	size_t i, component = 0, longest = 0;

	len = without_newline(text, len);
	if (!len)
		return 0;
	if (text[0] != '/')
		return -EINVAL;
	for (i = 0; i < len; i++) {
		const unsigned char c = text[i];

		if (c < ' ' || c == 0x7f)
			return -EINVAL;
		component = c == '/' ? 0 : component + 1;
		longest = max(longest, component);
	}
	return len < PATH_MAX && longest <= NAME_MAX ? len : -ENAMETOOLONG;
}

/**
 * input_line() - read one line of printable text
 * @text: the input; one newline at its end is cut off in place
 * @len: its length in bytes, a terminating NUL not counted
 * @max: the longest line allowed, in bytes without newline
 *
 * Context: any.
 * Return: the line's length in bytes, 0 for an empty one, -EINVAL for anything
 * but printable ASCII, -EMSGSIZE.
 */
int input_line(char *text, size_t len, size_t max)
{
	size_t i;

	len = without_newline(text, len);
	for (i = 0; i < len; i++)
		if (!isascii(text[i]) || !isprint(text[i]))
			return -EINVAL;
	if (len > max)
		return -EMSGSIZE;
	return len;
}
