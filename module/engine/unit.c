// SPDX-License-Identifier: GPL-2.0
/* The whole engine: unit.mk has the compiler include its files here. */
