// SPDX-License-Identifier: GPL-2.0
/*
 * Commits the fault that is named, for a check that a debug kernel sees it. For
 * guests that are thrown away afterwards.
 */
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timer.h>

static char kind[16];
module_param_string(kind, kind, sizeof(kind), 0444);
MODULE_PARM_DESC(kind, "the fault to commit");

/* UBSAN */
static int peer_shift(void)
{
	unsigned int by = strlen(kind) + 40;

	OPTIMIZER_HIDE_VAR(by);
	pr_info("a shift too far: %d\n", 1 << by);
	return 0;
}

/* DEBUG_ATOMIC_SLEEP */
static int peer_sleep(void)
{
	preempt_disable();
	might_sleep();
	preempt_enable();
	return 0;
}

/* PROVE_RCU */
static int peer_rcu(void)
{
	static int __rcu *peer_pointer;

	return rcu_dereference(peer_pointer) ? -EINVAL : 0;
}

/* DEBUG_OBJECTS: it stops the timer itself. */
static void peer_timeout(struct timer_list *timer)
{
}

static int peer_object(void)
{
	static struct timer_list peer_timer;

	timer_setup(&peer_timer, peer_timeout, 0);
	mod_timer(&peer_timer, jiffies + 1000 * HZ);
	timer_setup(&peer_timer, peer_timeout, 0);
	return 0;
}

/* PROVE_LOCKING */
static DEFINE_MUTEX(peer_one);
static DEFINE_MUTEX(peer_two);

static int peer_locks(void)
{
	mutex_lock(&peer_one);
	mutex_lock(&peer_two);
	mutex_unlock(&peer_two);
	mutex_unlock(&peer_one);

	mutex_lock(&peer_two);
	mutex_lock(&peer_one);
	mutex_unlock(&peer_one);
	mutex_unlock(&peer_two);
	return 0;
}

/* DEBUG_KMEMLEAK */
static int peer_leak(void)
{
	return kmalloc(100, GFP_KERNEL) ? 0 : -ENOMEM;
}

/* PAGE_POISONING: by an instruction that KASAN does not instrument. */
static int peer_page(void)
{
	struct page *page = alloc_page(GFP_KERNEL);
	unsigned long address;
	int i;

	if (!page)
		return -ENOMEM;
	address = (unsigned long)page_address(page);
	__free_page(page);
	asm volatile("movb $1, (%0)" : : "r"(address) : "memory");
	for (i = 0; i < 1000; i++) {
		page = alloc_page(GFP_KERNEL);
		if (!page)
			return -ENOMEM;
		__free_page(page);
		if ((unsigned long)page_address(page) == address)
			return 0;
	}
	return -EAGAIN;
}

/* KASAN */
static int peer_freed(void)
{
	int *p = kzalloc(100, GFP_KERNEL);

	kfree(p);
	OPTIMIZER_HIDE_VAR(p);
	return p && READ_ONCE(*p) == 1 ? -EINVAL : 0;
}

/* KCSAN */
static struct task_struct *peer_racers[2];
static unsigned long peer_raced;

static int peer_racer(void *unused)
{
	while (!kthread_should_stop()) {
		peer_raced++;
		barrier();
		cond_resched();
	}
	return 0;
}

static int peer_race(void)
{
	struct task_struct *racer;
	int i;

	for (i = 0; i < ARRAY_SIZE(peer_racers); i++) {
		racer = kthread_run(peer_racer, NULL, "peer_racer");
		if (!IS_ERR(racer))
			peer_racers[i] = racer;
	}
	return 0;
}

static const struct {
	const char *kind;
	int (*commit)(void);
} peer_faults[] = {
	{ "shift", peer_shift }, { "sleep", peer_sleep },
	{ "rcu", peer_rcu },	 { "object", peer_object },
	{ "locks", peer_locks }, { "leak", peer_leak },
	{ "page", peer_page },	 { "freed", peer_freed },
	{ "race", peer_race },
};

static int __init peer_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(peer_faults); i++)
		if (!strcmp(kind, peer_faults[i].kind))
			return peer_faults[i].commit();
	return -EINVAL;
}
module_init(peer_init);

static void __exit peer_exit(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(peer_racers); i++)
		if (peer_racers[i])
			kthread_stop(peer_racers[i]);
}
module_exit(peer_exit);

MODULE_DESCRIPTION("Test peer: commits a fault");
MODULE_AUTHOR("The memevents_hook developers");
MODULE_LICENSE("GPL");
