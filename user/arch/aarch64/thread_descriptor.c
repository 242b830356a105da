/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The thread pointer points behind the descriptor, which begins with 24 unused words, a link of two
 * and the thread's number. Behind that number is the list of robust mutexes that the thread holds;
 * where it holds none, robust_prev and robust_head.list are the address of the latter
 * (nptl/allocatestack.c, sysdeps/nptl/dl_tls_init_tp.c).
 */
#include "../thread_descriptor.h"

const struct thread_descriptor thread_descriptor = {
	.align = 16,
	.self_words = {0xd8, 0xe0},
	.self = 0xe0,
	.head_bytes = 0xc0,
	.thread = 0xd0,
	.key_pairs = 0x110,
	.key_blocks = 0x310,
};
