// SPDX-License-Identifier: GPL-2.0
/*
 * The files that say how things stand: `stats`, everything at a glance, and `why`,
 * what keeps the hook or a parent from routing calls.
 */
#include <linux/kallsyms.h>
#include <linux/kernel.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "compat.h"
#include "control.h"
#include "control_file.h"
#include "hook.h"
#include "lookup.h"
#include "parents.h"
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

static int stats_show(struct seq_file *m, void *unused)
{
	static const char other[] = "[other]";
	const struct symbol_range *range = hook_range();
	int width = strlen("# parent"), hits_width = strlen("hits");
	const struct parent *parent;
	unsigned long redirected;
	unsigned int i;

	if (mutex_lock_killable(&parents_lock))
		return -EINTR;
	hits_width = max(hits_width, digits(parent_hits(&parent_other, NULL)));
	for (i = 0; (parent = parents_nth(i)); i++) {
		width = max_t(int, width, strlen(parent->name));
		hits_width = max(hits_width, digits(parent_hits(parent, NULL)));
	}

	seq_printf(m, "# enabled=%c target=%s range=0x%lx-0x%lx\n",
		   control_y_or_n(hook_is_on()), hook_target.symbol,
		   control_file_addr(m, range->start),
		   control_file_addr(m, range->end));
	seq_printf(m, "%-*s  %-*s %-*s redirect %*s redirected\n", width,
		   "# parent", ADDR_WIDTH, "start", ADDR_WIDTH, "end",
		   hits_width, "hits");

	for (i = 0; (parent = parents_nth(i)); i++) {
		const unsigned long hits = parent_hits(parent, &redirected);

		seq_printf(m, "%-*s  ", width, parent->name);
		stats_addr(m, control_file_addr(m, parent->range.start));
		stats_addr(m, control_file_addr(m, parent->range.end));
		seq_printf(m, "%-8c %*lu %10lu\n",
			   control_y_or_n(parent_redirects(parent)), hits_width,
			   hits, redirected);
	}
	mutex_unlock(&parents_lock);

	seq_printf(m, "%-*s  %-*s %-*s %-8s %*lu %10s\n", width, other,
		   ADDR_WIDTH, "-", ADDR_WIDTH, "-", "-", hits_width,
		   parent_hits(&parent_other, NULL), "-");
	return 0;
}

CONTROL_FILE_OPEN(stats);
CONTROL_FILE_READ_FOPS(stats);

/* What keeps calls from the parent from being counted as its own; NULL for nothing. */
static const char *why_no_call(const struct parent *parent)
{
	bool probed = false;
	unsigned int i;

	for (i = 0; i < parent->nr_sites; i++) {
		if (parent->sites[i].kind == CALL_SITE_CALL)
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
 * What the last unlisted caller tells about the listed ones: who stands in their
 * place.
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

static void why_line(struct seq_file *m, const char *symbol,
		     const char *const *reasons, int nr)
{
	const char *separator = ": ";
	int i;

	seq_puts(m, symbol);
	for (i = 0; i < nr; i++) {
		if (!reasons[i])
			continue;
		seq_printf(m, "%s%s", separator, reasons[i]);
		separator = "; ";
	}
	seq_puts(m, *separator == ':' ? ": ok\n" : "\n");
}

static int why_show(struct seq_file *m, void *unused)
{
	const char *target[] = {
		hook_why(),
		hook_target.no_call ? hook_target.no_call() : NULL,
	};
	const struct parent *parent;
	const char *unlisted;
	unsigned long last;
	unsigned int i;

	why_line(m, hook_target.symbol, target, ARRAY_SIZE(target));

	if (mutex_lock_killable(&parents_lock))
		return -EINTR;
	last = lookup_last_unlisted();
	mutex_unlock(&parents_lock);
	unlisted = why_unlisted(last);

	if (mutex_lock_killable(&parents_lock))
		return -EINTR;
	for (i = 0; (parent = parents_nth(i)); i++) {
		const char *reasons[] = {
			/* The target's line says it at length. */
			target[0] ? "hook off" : NULL,
			target[1] ? "no call can come" : NULL,
			parent_redirects(parent) ? NULL : "redirect off",
			why_no_call(parent),
			why_cold(parent),
			unlisted,
		};

		why_line(m, parent->name, reasons, ARRAY_SIZE(reasons));
	}
	mutex_unlock(&parents_lock);
	return 0;
}

CONTROL_FILE_OPEN(why);
CONTROL_FILE_READ_FOPS(why);
