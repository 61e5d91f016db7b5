// SPDX-License-Identifier: GPL-2.0
/*
 * memevents_hook: redirect one caller of a function and leave the others alone.
 */
#include <linux/err.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "banner.h"
#include "control.h"
#include "hook.h"
#include "input.h"
#include "parents.h"
#include "symbol_names.h"

/* As in debugfs: the kernel's own bool takes other words on other versions. */
static int enabled_param_set(const char *val, const struct kernel_param *kp)
{
	char *text;
	int err;

	if (!val) {
		*(bool *)kp->arg = true;
		return 0;
	}
	text = kstrdup(val, GFP_KERNEL);
	if (!text)
		return -ENOMEM;
	err = input_bool(text, strlen(text), kp->arg);
	kfree(text);
	return err;
}

static const struct kernel_param_ops enabled_param_ops = {
	.flags = KERNEL_PARAM_OPS_FL_NOARG,
	.set = enabled_param_set,
	.get = param_get_bool,
};

/**
 * struct parent_list - a parameter that lists parents
 * @name: the parameter's
 * @redirect: what its parents do
 * @given: its value; NULL where the user gave none
 * @fallback: what then holds
 */
struct parent_list {
	const char *name;
	bool redirect;
	char *given;
	const char *fallback;
};

static struct parent_list redirect = { .name = "redirect", .redirect = true };
static struct parent_list observe = { .name = "observe", .redirect = false };

/* The kernel's own charp ends at 1024 bytes: too short for 256 symbols. */
static int list_param_set(const char *val, const struct kernel_param *kp)
{
	struct parent_list *list = kp->arg;
	char *text = kstrdup(val, GFP_KERNEL);

	if (!text)
		return -ENOMEM;
	kfree(list->given);
	list->given = text;
	return 0;
}

static int list_param_get(char *buffer, const struct kernel_param *kp)
{
	const struct parent_list *list = kp->arg;
	const char *text = list->given ?: list->fallback;

	/* It can be read before init has found out about the defaults. */
	return scnprintf(buffer, PAGE_SIZE, "%s\n", text ?: "");
}

static void list_param_free(void *arg)
{
	struct parent_list *list = arg;

	kfree(list->given);
}

static const struct kernel_param_ops list_param_ops = {
	.set = list_param_set,
	.get = list_param_get,
	.free = list_param_free,
};

static bool enabled = true;
module_param_cb(enabled, &enabled_param_ops, &enabled, 0444);
__MODULE_PARM_TYPE(enabled, "bool");
MODULE_PARM_DESC(enabled, "hook at load (default: Y)");

module_param_cb(redirect, &list_param_ops, &redirect, 0444);
__MODULE_PARM_TYPE(redirect, "charp");
MODULE_PARM_DESC(
	redirect,
	"parents to redirect, comma list (default: the target's usual one)");

module_param_cb(observe, &list_param_ops, &observe, 0444);
__MODULE_PARM_TYPE(observe, "charp");
MODULE_PARM_DESC(
	observe,
	"parents to count only, comma list (default: the target's usual one)");

static bool is_listed(const char *name)
{
	bool listed;

	mutex_lock(&parents_lock);
	listed = parents_find(name);
	mutex_unlock(&parents_lock);
	return listed;
}

/* A name that an explicit list holds is not taken from a default. */
static int add_item(const struct parent_list *list, char *item)
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
	return control_add_parent(name, list->redirect,
				  hook_target.unique && !list->given);
}

static int add_list(const struct parent_list *list)
{
	char *copy, *rest, *item;
	int err = 0;

	copy = kstrdup(list->given ?: list->fallback, GFP_KERNEL);
	if (!copy)
		return -ENOMEM;

	rest = *copy ? copy : NULL;
	while (!err && (item = strsep(&rest, ",")))
		err = add_item(list, item);

	kfree(copy);
	return err;
}

static int add_parents(void)
{
	/* Explicit lists first, so that the defaults can give way to them. */
	const bool observe_first = observe.given && !redirect.given;
	int err;

	err = add_list(observe_first ? &observe : &redirect);
	return err ?: add_list(observe_first ? &redirect : &observe);
}

static void announce(void)
{
	const struct symbol_range *range = hook_range();
	const struct parent *parent;
	unsigned int i;

	pr_info("target %s, %lu bytes, %s\n", hook_target.symbol,
		range->end - range->start,
		hook_is_on() ? "hooked" : "not hooked");

	mutex_lock(&parents_lock);
	for (i = 0; (parent = parents_nth(i)); i++)
		pr_info("parent %s, %lu bytes, %s\n", parent->name,
			parent->range.end - parent->range.start,
			parent_redirects(parent) ? "redirected" : "observed");
	mutex_unlock(&parents_lock);
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
	int err;

	redirect.fallback = hook_target.redirect;
	observe.fallback = hook_target.observe;

	err = symbol_find(hook_target.symbol, &target);
	if (err)
		return err;
	err = banner_set(hook_target.banner, strlen(hook_target.banner));
	if (err)
		return err;
	err = parents_init();
	if (err)
		goto err_banner;
	err = hook_init(&target);
	if (err)
		goto err_parents;
	if (!hook_target.unique) {
		err = symbol_names_check(hook_target.symbol, target.start);
		if (err)
			goto err_hook;
	}
	err = control_init();
	if (err)
		goto err_hook;
	err = add_parents();
	if (err)
		goto err_control;
	if (enabled) {
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
