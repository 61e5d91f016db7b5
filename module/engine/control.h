/* SPDX-License-Identifier: GPL-2.0 */
/* The debugfs tree. */
#ifndef _MEMEVENTS_HOOK_CONTROL_H
#define _MEMEVENTS_HOOK_CONTROL_H

int control_init(void);
void control_exit(void);

#endif /* _MEMEVENTS_HOOK_CONTROL_H */
