/* SPDX-License-Identifier: BSD-2-Clause */
/* The thread pointer points at the descriptor, which begins with a tcbhead_t: its own address. */
#include "../thread_descriptor.h"

const struct thread_descriptor thread_descriptor = {
	.align = 64,
	.self_words = {0, 0x10},
	.self = 0,
	.head_bytes = 0x2c0,
	.thread = 0x2d0,
	.key_pairs = 0x310,
	.key_blocks = 0x510,
};
