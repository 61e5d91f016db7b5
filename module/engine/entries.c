// SPDX-License-Identifier: GPL-2.0
/*
 * Where the compiler inlined the target into its callers there is no call to
 * redirect. Then the callers themselves are hooked, each with a replacement of its
 * own prototype: a call of one of them stands for the call that it would make.
 *
 * Each has an ops of its own, which is registered while the hook is on and the
 * function is listed. The handler finds the parent in the same table, by
 * the function it was called for: so what lookup.c says of tables and parents, of
 * the disarmed table among them, holds here too. Where the function is in no
 * row, which is so for a moment as it is listed or unlisted, the call is counted
 * nowhere and runs the kernel's own function.
 *
 * Who changes what is registered or wanted holds the lock of hook.c.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>

#include "call_sites.h"
#include "entries.h"
#include "hook.h"
#include "lookup.h"
#include "ops.h"
#include "route.h"
#include "symbol.h"

/*
 * @replacement is the one of hook_target.entries that is in use. @wanted says whether
 * the function is hooked while the hook is on.
 */
struct entry {
	struct ftrace_ops ops;
	struct symbol_range range;
	void *replacement;
	bool wanted;
	bool registered;
};

/*
 * The handler: runs before the first instruction of a function that the target is
 * inlined into. All its calls are looked at closely.
 */
static notrace void route_entry(unsigned long ip, unsigned long parent_ip,
				struct ftrace_ops *op,
				struct compat_ftrace_regs *fregs)
{
	struct entry *entry = container_of(op, struct entry, ops);
	struct parent *parent;

	lookup_begin();
	parent = lookup_function(ip);
	if (parent)
		route_closely(parent, &entry->replacement, ip, parent_ip,
			      fregs);
	lookup_end();
}

/* One for each of hook_target.entries. */
static struct entry entries[HOOK_ENTRIES_MAX] = {
	[0 ... HOOK_ENTRIES_MAX - 1] = {
		.ops = { .func = route_entry, .flags = OPS_FLAGS },
	},
};

/* As many are in use; 0 where the target is not inlined. */
static unsigned int nr_entries;

static struct entry *entry_of(const char *name)
{
	unsigned int i;

	for (i = 0; i < nr_entries; i++)
		if (!strcmp(hook_target.entries[i].symbol, name))
			return &entries[i];
	return NULL;
}

static const char *name_of(const struct entry *entry)
{
	return hook_target.entries[entry - entries].symbol;
}

/**
 * entries_find() - find the functions that the target may be inlined into
 *
 * Context: may sleep; module init.
 * Return: 0; -ENOENT where the target's file names none or this kernel lacks one
 * of them, or what symbol_look_up() says.
 */
int entries_find(void)
{
	const struct hook_entry *named = hook_target.entries;
	unsigned int i;
	int err = -ENOENT;

	for (i = 0; i < HOOK_ENTRIES_MAX && named[i].symbol; i++) {
		err = symbol_look_up(named[i].symbol, &entries[i].range);
		if (err)
			return err;
	}
	return err;
}

/**
 * entries_init() - get ready to hook what entries_find() has found
 *
 * A failure is explained in the kernel log.
 *
 * Context: may sleep; module init.
 * Return: 0 or what ops_init() says; then nothing of it is left.
 */
int entries_init(void)
{
	int err = 0;

	while (nr_entries < HOOK_ENTRIES_MAX &&
	       hook_target.entries[nr_entries].symbol) {
		struct entry *entry = &entries[nr_entries];

		err = ops_init(&entry->ops, entry->range.start,
			       hook_target.entries[nr_entries].symbol);
		if (err) {
			entries_exit();
			break;
		}
		nr_entries++;
	}
	return err;
}

/**
 * entries_exit() - release what entries_init() has allocated
 *
 * Context: may sleep; none of them is registered.
 */
void entries_exit(void)
{
	while (nr_entries) {
		struct entry *entry = &entries[--nr_entries];

		ops_exit(&entry->ops, entry->range.start);
	}
}

static int entry_register(struct entry *entry)
{
	int err = ops_register(&entry->ops, name_of(entry));

	if (!err)
		entry->registered = true;
	return err;
}

/* Where ftrace fails, its handler may run yet. */
static int entry_unregister(struct entry *entry)
{
	int err = ops_unregister(&entry->ops);

	if (!err)
		entry->registered = false;
	return err;
}

/**
 * entries_register() - ask ftrace to call the handler for all that are wanted
 *
 * A failure is explained in the kernel log.
 *
 * Context: may sleep. The handler is disarmed.
 * Return: 0 or what ops_register() says of the first that is refused. Then none is
 * registered, unless ftrace has shut itself down.
 */
int entries_register(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < nr_entries; i++) {
		if (!entries[i].wanted)
			continue;
		err = entry_register(&entries[i]);
		if (err) {
			entries_unregister();
			return err;
		}
	}
	return 0;
}

/**
 * entries_unregister() - ask ftrace to call the handler for none of them
 *
 * Context: may sleep, for several grace periods of RCU. The handler is disarmed.
 * Return: 0 or what ops_unregister() says of the first that it fails for: that one
 * and those behind it stay registered.
 */
int entries_unregister(void)
{
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < nr_entries; i++)
		if (entries[i].registered)
			err = entry_unregister(&entries[i]);
	return err;
}

/**
 * entries_want() - have a function hooked while the hook is on
 * @name: the function; no row of the table is about it yet
 * @now: is the hook on?
 *
 * A failure is explained in the kernel log.
 *
 * Context: may sleep.
 * Return: 0, or what ops_register() says: then nothing has changed.
 */
int entries_want(const char *name, bool now)
{
	struct entry *entry = entry_of(name);
	int err = 0;

	if (!entry)
		return 0;
	if (now)
		err = entry_register(entry);
	entry->wanted = !err;
	return err;
}

/**
 * entries_unwant() - have a function not hooked any more
 * @name: the function; no row of the table is about it any more
 *
 * Context: may sleep, for several grace periods of RCU.
 * Return: 0, or what ops_unregister() says: then it is hooked, and routes nothing.
 */
int entries_unwant(const char *name)
{
	struct entry *entry = entry_of(name);

	if (!entry)
		return 0;
	entry->wanted = false;
	return entry->registered ? entry_unregister(entry) : 0;
}

/**
 * entries_use_banner() - choose between the replacements of each
 * @banner: those that print the banner?
 *
 * A call that begins after this has returned, on any CPU, gets the one chosen.
 *
 * Context: any; one call at a time.
 */
void entries_use_banner(bool banner)
{
	unsigned int i;

	for (i = 0; i < HOOK_ENTRIES_MAX; i++) {
		const struct hook_entry *named = &hook_target.entries[i];
		void *chosen = named->replacement;

		if (banner && named->replacement_with_banner)
			chosen = named->replacement_with_banner;
		/*
		 * Pairs with whatever tells a caller that the write is done:
		 * see litmus/banner-seen.
		 */
		smp_store_mb(entries[i].replacement, chosen);
	}
}

/**
 * entries_have() - is a function one that the target is inlined into?
 * @name: its name
 *
 * Context: any.
 * Return: true where it is.
 */
bool entries_have(const char *name)
{
	return entry_of(name);
}

static int by_address(const void *a, const void *b)
{
	const struct call_site *one = a, *other = b;

	return one->addr < other->addr ? -1 : one->addr > other->addr;
}

/**
 * entries_call_sites() - what stands for the calls to the target
 * @sites: set to an array for kfree(), ascending
 *
 * Context: may sleep.
 * Return: the number of sites, or -ENOMEM.
 */
int entries_call_sites(struct call_site **sites)
{
	unsigned int i;

	*sites = kcalloc(nr_entries, sizeof(**sites), GFP_KERNEL);
	if (!*sites)
		return -ENOMEM;
	for (i = 0; i < nr_entries; i++)
		(*sites)[i] = call_site_of_entry(&entries[i].range);
	sort(*sites, nr_entries, sizeof(**sites), by_address, NULL);
	return nr_entries;
}
