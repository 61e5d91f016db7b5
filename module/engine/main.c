// SPDX-License-Identifier: GPL-2.0
/*
 * memevents_hook: redirect one caller of a function and leave the others alone.
 */
#include <linux/err.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "banner.h"
#include "control.h"
#include "entries.h"
#include "hook.h"
#include "input.h"
#include "params.h"
#include "parents.h"
#include "scope.h"
#include "symbol_names.h"

static bool is_listed(const char *name)
{
	bool listed;

	mutex_lock(&parents_lock);
	listed = parents_find(name);
	mutex_unlock(&parents_lock);
	return listed;
}

/* A name that an explicit list holds is not taken from a default. */
static int add_item(const struct param_text *list, bool redirect, char *item)
{
	char *name;
	int err;

	err = input_symbol(item, strlen(item), &name);
	if (err) {
		pr_err("parameter %s: %s\n", list->name,
		       err == -ENAMETOOLONG ? "a symbol is too long" :
					      "an item is not a symbol");
		return err;
	}
	if (!list->given && is_listed(name))
		return 0;
	return control_add_parent(name, redirect);
}

static int add_list(const struct param_text *list, bool redirect)
{
	char *copy, *rest, *item;
	int err = 0;

	copy = kstrdup(list->given ?: list->fallback, GFP_KERNEL);
	if (!copy)
		return -ENOMEM;

	rest = *copy ? copy : NULL;
	while (!err && (item = strsep(&rest, ",")))
		err = add_item(list, redirect, item);

	kfree(copy);
	return err;
}

static int add_parents(void)
{
	/* Explicit lists first, so that the defaults can give way to them. */
	const bool observe_first = param_observe.given && !param_redirect.given;
	int err = 0;

	if (observe_first)
		err = add_list(&param_observe, false);
	if (!err)
		err = add_list(&param_redirect, true);
	if (!err && !observe_first)
		err = add_list(&param_observe, false);
	return err;
}

static int set_scope(void)
{
	int err = 0;

	if (param_only.given)
		err = scope_set(SCOPE_ONLY, param_only.given,
				strlen(param_only.given));
	if (!err && param_readers.given)
		err = scope_set(SCOPE_READERS, param_readers.given,
				strlen(param_readers.given));
	return err;
}

static void announce(void)
{
	const struct symbol_range *range = hook_range();
	const struct parent *parent;
	unsigned int i;

	if (range)
		pr_info("target %s, %lu bytes, %s\n", hook_target.symbol,
			range->end - range->start,
			hook_is_on() ? "hooked" : "not hooked");
	else
		pr_info("target %s, inlined by this kernel's compiler, its callers %s\n",
			hook_target.symbol,
			hook_is_on() ? "hooked" : "not hooked");

	mutex_lock(&parents_lock);
	for (i = 0; (parent = parents_nth(i)); i++)
		pr_info("parent %s, %lu bytes, %s\n", parent->name,
			parent->range.end - parent->range.start,
			parent_redirects(parent) ? "redirected" : "observed");
	mutex_unlock(&parents_lock);
}

/*
 * A compiler may inline the target into its callers, as clang does: then it has no
 * symbol, though a default parent has one. Its callers are hooked in its place where
 * the target's file has replacements for them.
 */
static int find_target(struct symbol_range *range, bool *inlined)
{
	struct symbol_range parent;

	*inlined = false;
	if (symbol_look_up(hook_target.symbol, range) == -ENOENT) {
		*inlined = !entries_find();
		if (*inlined)
			return 0;
		if (*hook_target.redirect &&
		    !symbol_look_up(hook_target.redirect, &parent)) {
			pr_err("%s: inlined by this kernel's compiler: there is no call to redirect\n",
			       hook_target.symbol);
			return -ENOENT;
		}
	}
	return symbol_find(hook_target.symbol, range);
}

/*
 * Everything that can fail comes before the hook is armed, which is the last
 * thing that hook_switch() does: a load that fails has counted and redirected
 * nothing. Where ftrace shut itself down while it registered the hook, the module
 * must stay, so the load succeeds, with the hook off.
 */
static int __init memevents_hook_init(void)
{
	struct symbol_range target;
	bool inlined;
	int err;

	param_redirect.fallback = hook_target.redirect;
	param_observe.fallback = hook_target.observe;

	err = find_target(&target, &inlined);
	if (err)
		return err;
	err = banner_set(hook_target.banner, strlen(hook_target.banner));
	if (err)
		return err;
	err = parents_init();
	if (err)
		goto err_banner;
	err = hook_init(inlined ? NULL : &target);
	if (err)
		goto err_parents;
	if (!hook_target.unique && !inlined) {
		err = symbol_names_check(hook_target.symbol, target.start);
		if (err)
			goto err_hook;
	}
	err = set_scope();
	if (err)
		goto err_hook;
	err = control_init();
	if (err)
		goto err_hook;
	err = add_parents();
	if (err)
		goto err_control;
	if (param_enabled) {
		err = hook_switch(true);
		if (err && !hook_is_pinned())
			goto err_control;
	}
	control_open();
	/* Not before: a load that fails says why, and nothing else. */
	announce();
	return 0;

err_control:
	control_exit();
err_hook:
	hook_exit();
	scope_exit();
err_parents:
	symbol_names_exit();
	parents_exit();
err_banner:
	banner_exit();
	/* -EEXIST is for a module that is loaded already: modprobe is content with it. */
	return err == -EEXIST ? -EINVAL : err;
}

static void __exit memevents_hook_exit(void)
{
	control_exit();
	hook_exit();
	scope_exit();
	symbol_names_exit();
	parents_exit();
	banner_exit();
	pr_info("unloaded\n");
}

module_init(memevents_hook_init);
module_exit(memevents_hook_exit);

MODULE_AUTHOR("The memevents_hook developers");
MODULE_LICENSE("GPL");
MODULE_VERSION("1.0.0");
