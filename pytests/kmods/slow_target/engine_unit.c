// SPDX-License-Identifier: GPL-2.0
/* The whole engine: the Kbuild has the compiler include its files here. */
