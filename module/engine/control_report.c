// SPDX-License-Identifier: GPL-2.0
/*
 * The files that say how things stand: `stats`, everything at a glance, and `why`,
 * what keeps the hook or a parent from routing calls.
 */
#include <linux/kallsyms.h>
#include <linux/kernel.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "compat.h"
#include "control.h"
#include "control_file.h"
#include "hook.h"
#include "lookup.h"
#include "parents.h"
#include "scope.h"
#include "symbol.h"

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

/* A line each for the scope and for the budgets, where there are any. */
static void stats_scope(struct seq_file *m)
{
	const struct parent *parent;
	enum scope_part part;
	bool any = false;
	unsigned int i;

	if (scope_is_set()) {
		seq_putc(m, '#');
		for (part = 0; part < SCOPE_PARTS; part++) {
			const struct cgroup_name *name = scope_get(part);

			if (!name)
				continue;
			seq_printf(m, " %s=", scope_part_name(part));
			cgroup_name_show(m, name);
		}
		seq_putc(m, '\n');
	}
	for (i = 0; (parent = parents_nth(i)); i++) {
		const int times = atomic_read(&parent->times);

		if (times == PARENT_NO_LIMIT)
			continue;
		seq_printf(m, "%s %s=%d", any ? "" : "# times", parent->name,
			   times);
		any = true;
	}
	if (any)
		seq_putc(m, '\n');
}

/* The counters of a row. */
struct counted {
	unsigned long hits;
	unsigned long redirected;
};

/*
 * With parents_lock held. The counters go on beside the reader, so each is read
 * once: a column is as wide as the numbers that are printed in it.
 */
static void stats_print(struct seq_file *m, struct counted *rows)
{
	const unsigned long other_hits = parent_hits(&parent_other, NULL);
	const struct symbol_range *range = hook_range();
	int width = strlen("# parent"), hits_width = strlen("hits");
	int redirected_width = strlen("redirected");
	const struct parent *parent;
	unsigned int i;

	hits_width = max(hits_width, digits(other_hits));
	for (i = 0; (parent = parents_nth(i)); i++) {
		rows[i].hits = parent_hits(parent, &rows[i].redirected);
		width = max_t(int, width, strlen(parent->name));
		hits_width = max(hits_width, digits(rows[i].hits));
		redirected_width =
			max(redirected_width, digits(rows[i].redirected));
	}

	seq_printf(m, "# enabled=%c target=%s range=",
		   control_y_or_n(hook_is_on()), hook_target.symbol);
	if (range)
		seq_printf(m, "0x%lx-0x%lx\n",
			   control_file_addr(m, range->start),
			   control_file_addr(m, range->end));
	else
		seq_puts(m, "inlined\n");
	stats_scope(m);
	seq_printf(m, "%-*s  %-*s %-*s redirect %*s %*s\n", width, "# parent",
		   ADDR_WIDTH, "start", ADDR_WIDTH, "end", hits_width, "hits",
		   redirected_width, "redirected");

	for (i = 0; (parent = parents_nth(i)); i++) {
		seq_printf(m, "%-*s  ", width, parent->name);
		stats_addr(m, control_file_addr(m, parent->range.start));
		stats_addr(m, control_file_addr(m, parent->range.end));
		seq_printf(m, "%-8c %*lu %*lu\n",
			   control_y_or_n(parent_redirects(parent)), hits_width,
			   rows[i].hits, redirected_width, rows[i].redirected);
	}
	seq_printf(m, "%-*s  %-*s %-*s %-8s %*lu %*s\n", width, "[other]",
		   ADDR_WIDTH, "-", ADDR_WIDTH, "-", "-", hits_width,
		   other_hits, redirected_width, "-");
}

static int stats_show(struct seq_file *m, void *unused)
{
	struct counted *rows = kcalloc(PARENTS_MAX, sizeof(*rows), GFP_KERNEL);
	int err = 0;

	if (!rows)
		return -ENOMEM;
	if (mutex_lock_killable(&parents_lock)) {
		err = -EINTR;
	} else {
		stats_print(m, rows);
		mutex_unlock(&parents_lock);
	}
	kfree(rows);
	return err;
}

CONTROL_FILE_OPEN(stats);
CONTROL_FILE_READ_FOPS(stats);

/* What keeps calls from the parent from being counted as its own; NULL for nothing. */
static const char *why_no_call(const struct parent *parent)
{
	bool probed = false;
	unsigned int i;

	for (i = 0; i < parent->nr_sites; i++) {
		if (parent->sites[i].kind == CALL_SITE_CALL ||
		    parent->sites[i].kind == CALL_SITE_ENTRY)
			return NULL;
		probed |= parent->sites[i].kind == CALL_SITE_PROBED;
	}
	if (probed)
		return "a kprobe stands on its call or jump to the target: which it is cannot be told (see kprobes/list)";
	if (parent->nr_sites)
		return "tail call only: the caller's address is not on the stack";
	return "no direct call to the target in its range";
}

static const char *why_cold(const struct parent *parent)
{
	return parent->cold_calls ?
		       "some of its calls are in its .cold part, which is a symbol of its own: list that too" :
		       NULL;
}

/*
 * What the last unlisted caller tells about the listed parents: the trampoline of
 * a tracer or a livepatch may stand in their place.
 */
static const char *why_unlisted(unsigned long parent_ip)
{
	char caller[KSYM_SYMBOL_LEN];

	if (!parent_ip)
		return NULL;
	sprint_symbol(caller, call_site_before(parent_ip));
	if (!strncmp(caller, "return_to_handler+", 18) ||
	    strstr(caller, "rethook_trampoline+") ||
	    strstr(caller, "kretprobe_trampoline+"))
		return "a tracer of returns (kretprobe, function_graph) hides callers: their calls count as other";
	if (strchr(caller, '[') && test_taint(TAINT_LIVEPATCH))
		return "a module calls the target (see other_last): where it is a livepatch of this function, its calls count as other";
	return NULL;
}

/* The line of one symbol, as its reasons are found. */
struct why {
	struct seq_file *m;
	bool ok;
};

static struct why why_begin(struct seq_file *m, const char *symbol)
{
	seq_puts(m, symbol);
	return (struct why){ .m = m, .ok = true };
}

/* NULL is no reason. */
static void why_say(struct why *why, const char *reason)
{
	if (!reason)
		return;
	seq_printf(why->m, "%s%s", why->ok ? ": " : "; ", reason);
	why->ok = false;
}

static void why_end(struct why *why)
{
	seq_puts(why->m, why->ok ? ": ok\n" : "\n");
}

/* With parents_lock held. */
static void why_scope(struct why *why)
{
	enum scope_part part;

	for (part = 0; part < SCOPE_PARTS; part++) {
		const struct cgroup_name *name = scope_get(part);

		if (!name || !cgroup_name_is_deleted(name))
			continue;
		why_say(why, scope_part_name(part));
		seq_printf(why->m, ": %s deleted", name->path);
	}
}

static const char *why_no_time(const struct parent *parent)
{
	return atomic_read(&parent->times) ? NULL : "times used up";
}

/* With parents_lock held. @hook: is it on? @target: can calls come? */
static void why_parent(struct seq_file *m, const struct parent *parent,
		       bool hook, bool target, const char *unlisted)
{
	struct why why = why_begin(m, parent->name);

	/* The target's line says these at length. */
	why_say(&why, hook ? NULL : "hook off");
	why_say(&why, target ? NULL : "no call can come");
	if (parent_redirects(parent)) {
		why_scope(&why);
		why_say(&why, why_no_time(parent));
	} else {
		why_say(&why, "redirect off");
	}
	why_say(&why, why_no_call(parent));
	why_say(&why, why_cold(parent));
	why_say(&why, unlisted);
	why_end(&why);
}

static int why_show(struct seq_file *m, void *unused)
{
	bool is_on;
	const char *hook = hook_why(&is_on);
	const char *target = hook_target.no_call ? hook_target.no_call() : NULL;
	const struct parent *parent;
	const char *unlisted;
	unsigned long last;
	struct why why;
	unsigned int i;

	if (mutex_lock_killable(&parents_lock))
		return -EINTR;
	last = lookup_last_unlisted();
	mutex_unlock(&parents_lock);
	/* Asks kprobes, and so is done without the lock. */
	unlisted = why_unlisted(last);

	if (mutex_lock_killable(&parents_lock))
		return -EINTR;
	why = why_begin(m, hook_target.symbol);
	why_say(&why, hook);
	why_say(&why, target);
	why_scope(&why);
	why_end(&why);
	for (i = 0; (parent = parents_nth(i)); i++)
		why_parent(m, parent, is_on, !target, unlisted);
	mutex_unlock(&parents_lock);
	return 0;
}

CONTROL_FILE_OPEN(why);
CONTROL_FILE_READ_FOPS(why);
