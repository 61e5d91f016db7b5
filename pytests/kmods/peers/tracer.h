/* SPDX-License-Identifier: GPL-2.0 */
/* A user of ftrace that has one function. */
#ifndef _PEERS_TRACER_H
#define _PEERS_TRACER_H

#include <linux/ftrace.h>
#include <linux/string.h>

#define PEER_SYMBOL_MAX 128

/* Return: 0, or what ftrace says: then it has nothing of @ops. */
static inline int peer_trace(struct ftrace_ops *ops, const char *symbol)
{
	char name[PEER_SYMBOL_MAX]; /* ftrace writes to it */
	int err;

	strscpy(name, symbol, sizeof(name));
	err = ftrace_set_filter(ops, (unsigned char *)name, strlen(name), 1);
	if (err)
		return err;
	err = register_ftrace_function(ops);
	if (err)
		ftrace_set_filter(ops, NULL, 0, 1);
	return err;
}

static inline void peer_trace_end(struct ftrace_ops *ops)
{
	unregister_ftrace_function(ops);
	ftrace_set_filter(ops, NULL, 0, 1);
}

#endif /* _PEERS_TRACER_H */
