// SPDX-License-Identifier: GPL-2.0
/* The one place where the tracepoint's code is made. */
#define CREATE_TRACE_POINTS
#include "trace.h"
