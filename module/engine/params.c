// SPDX-License-Identifier: GPL-2.0
/* The module's parameters: what is given at load. */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "input.h"
#include "params.h"

/* As in debugfs: the kernel's own bool takes other words on other versions. */
static int enabled_set(const char *val, const struct kernel_param *kp)
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

static const struct kernel_param_ops enabled_ops = {
	.flags = KERNEL_PARAM_OPS_FL_NOARG,
	.set = enabled_set,
	.get = param_get_bool,
};

/* The kernel's own charp ends at 1024 bytes: too short for 256 symbols. */
static int text_set(const char *val, const struct kernel_param *kp)
{
	struct param_text *param = kp->arg;
	char *text = kstrdup(val, GFP_KERNEL);

	if (!text)
		return -ENOMEM;
	kfree(param->given);
	param->given = text;
	return 0;
}

static int text_get(char *buffer, const struct kernel_param *kp)
{
	const struct param_text *param = kp->arg;
	const char *text = param->given ?: param->fallback;

	/* It can be read before init has found out about the fallback. */
	return scnprintf(buffer, PAGE_SIZE, "%s\n", text ?: "");
}

static void text_free(void *arg)
{
	struct param_text *param = arg;

	kfree(param->given);
}

static const struct kernel_param_ops text_ops = {
	.set = text_set,
	.get = text_get,
	.free = text_free,
};

bool param_enabled = true;
struct param_text param_redirect = { .name = "redirect" };
struct param_text param_observe = { .name = "observe" };
struct param_text param_only = { .name = "only" };
struct param_text param_readers = { .name = "readers" };

module_param_cb(enabled, &enabled_ops, &param_enabled, 0444);
__MODULE_PARM_TYPE(enabled, "bool");
MODULE_PARM_DESC(enabled, "hook at load (default: Y)");

module_param_cb(redirect, &text_ops, &param_redirect, 0444);
__MODULE_PARM_TYPE(redirect, "charp");
MODULE_PARM_DESC(
	redirect,
	"parents to redirect, comma list (default: the target's usual one)");

module_param_cb(observe, &text_ops, &param_observe, 0444);
__MODULE_PARM_TYPE(observe, "charp");
MODULE_PARM_DESC(
	observe,
	"parents to count only, comma list (default: the target's usual one)");

module_param_cb(only, &text_ops, &param_only, 0444);
__MODULE_PARM_TYPE(only, "charp");
MODULE_PARM_DESC(
	only,
	"redirect calls about this cgroup v2 path or below only (default: all)");

module_param_cb(readers, &text_ops, &param_readers, 0444);
__MODULE_PARM_TYPE(readers, "charp");
MODULE_PARM_DESC(
	readers,
	"redirect calls by tasks in this cgroup v2 path or below only (default: all)");
