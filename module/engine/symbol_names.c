// SPDX-License-Identifier: GPL-2.0
/*
 * Which names several functions have. A look-up gives the first of them and does
 * not tell that there are more, so a user could list one function and mean
 * another.
 *
 * The kernel's text is one run of symbols, each beginning where the one before
 * ends, so it can be walked with sprint_symbol(). That is a long walk: it is
 * done once, when the first name is asked for, and leaves behind the sorted
 * hashes of the names met more than once. Only a name whose hash is among them
 * is looked at closely, by another walk.
 */
#include <linux/bsearch.h>
#include <linux/errno.h>
#include <linux/jhash.h>
#include <linux/kallsyms.h>
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>

#include "symbol.h"
#include "symbol_names.h"

/**
 * struct hashes - the hashes of some names
 * @hash: sorted, once they are all there
 * @nr: their number
 * @max: as many fit
 */
struct hashes {
	u32 *hash;
	size_t nr;
	size_t max;
};

/* Held while the list is asked for: the first to ask makes it, the others wait. */
static DEFINE_MUTEX(names_lock);
static struct hashes shared;
static bool ready;

/* @visit returns 0 to go on. */
typedef int (*visit_fn)(const char *name, unsigned long addr, void *arg);

/*
 * Visit the symbols around an address, up or down, as long as they are text.
 * Data lies behind the text; it begins with one of these.
 */
static int walk_one_way(unsigned long addr, bool up, visit_fn visit, void *arg)
{
	char name[KSYM_SYMBOL_LEN];
	struct symbol_range range;
	int err;

	while (symbol_at(addr, name, &range)) {
		if (up && (!strcmp(name, "_etext") ||
			   !strcmp(name, "__start_rodata")))
			break;
		err = visit(name, range.start, arg);
		if (err)
			return err;
		addr = up ? range.end : range.start - 1;
		cond_resched();
	}
	return 0;
}

/* From a function that is known, both ways. */
static int walk(unsigned long start, visit_fn visit, void *arg)
{
	int err;

	err = walk_one_way(start, true, visit, arg);
	return err ?: walk_one_way(start - 1, false, visit, arg);
}

static u32 name_hash(const char *name)
{
	return jhash(name, strlen(name), 0);
}

static int add_hash(const char *name, unsigned long addr, void *arg)
{
	struct hashes *all = arg;
	u32 *more;

	if (all->nr == all->max) {
		all->max = all->max ? 2 * all->max : SZ_64K;
		more = kvmalloc_array(all->max, sizeof(*more), GFP_KERNEL);
		if (!more)
			return -ENOMEM;
		if (all->nr)
			memcpy(more, all->hash, all->nr * sizeof(*more));
		kvfree(all->hash);
		all->hash = more;
	}
	all->hash[all->nr++] = name_hash(name);
	return 0;
}

static int cmp_hash(const void *a, const void *b)
{
	const u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return x < y ? -1 : x > y;
}

/* Keep one of each that is there more than once. */
static void keep_shared(struct hashes *all)
{
	size_t i, kept = 0;

	for (i = 1; i < all->nr; i++)
		if (all->hash[i] == all->hash[i - 1] &&
		    (!kept || all->hash[kept - 1] != all->hash[i]))
			all->hash[kept++] = all->hash[i];
	all->nr = kept;
}

static int make_shared(unsigned long start)
{
	struct hashes all = {};
	int err;

	err = walk(start, add_hash, &all);
	if (err)
		goto out;

	sort(all.hash, all.nr, sizeof(*all.hash), cmp_hash, NULL);
	keep_shared(&all);

	err = -ENOMEM;
	shared.hash = kvmalloc_array(all.nr, sizeof(*shared.hash), GFP_KERNEL);
	if (!shared.hash)
		goto out;
	memcpy(shared.hash, all.hash, all.nr * sizeof(*shared.hash));
	shared.nr = all.nr;
	ready = true;
	err = 0;
out:
	kvfree(all.hash);
	return err;
}

struct bearers {
	const char *name;
	unsigned long known; /* counted already */
	unsigned int nr;
};

/* Only those with the name count that are functions that can be listed. */
static int count_bearer(const char *name, unsigned long addr, void *arg)
{
	struct bearers *bearers = arg;

	if (strcmp(name, bearers->name) || addr == bearers->known ||
	    !symbol_is_function(addr))
		return 0;
	return ++bearers->nr > 1 ? -ENOTUNIQ : 0;
}

/* The walk meets one name of each function, which may be another one. */
static bool is_alias(const char *name, unsigned long start)
{
	char shown[KSYM_SYMBOL_LEN];
	struct symbol_range range;

	return symbol_at(start, shown, &range) && strcmp(shown, name);
}

/**
 * symbol_names_check() - see that a name does not stand for several functions
 * @name: the name
 * @start: first byte of the function that a look-up of it gives
 *
 * If several functions have the name, and all but one of them have an alias too,
 * the walk may see only the aliases, and the name is taken for unique. A failure is
 * explained in the kernel log, except -ENOMEM.
 *
 * Context: may sleep, and take a tenth of a second when first called, or when
 * called for an alias.
 * Return: 0, -ENOTUNIQ, -ENOMEM, -EINTR where the task is killed as it waits for
 * the first call to end.
 */
int symbol_names_check(const char *name, unsigned long start)
{
	struct bearers bearers = { .name = name, .known = start, .nr = 1 };
	const u32 hash = name_hash(name);
	int err = 0;

	if (mutex_lock_killable(&names_lock))
		return -EINTR;
	if (!ready)
		err = make_shared(start);
	mutex_unlock(&names_lock);

	if (!err &&
	    (is_alias(name, start) ||
	     bsearch(&hash, shared.hash, shared.nr, sizeof(hash), cmp_hash)))
		err = walk(start, count_bearer, &bearers);

	if (err == -ENOTUNIQ)
		pr_warn_ratelimited("%s: several functions bear the name\n",
				    name);
	return err;
}

/**
 * symbol_names_exit() - free what symbol_names_check() has learned
 *
 * Context: may sleep; symbol_names_check() is not called any more.
 */
void symbol_names_exit(void)
{
	kvfree(shared.hash);
}
