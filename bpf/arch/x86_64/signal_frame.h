/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The ucontext of a signal frame, at which rsp points in the restorer. */
#ifndef UNFREED_ARCH_X86_64_SIGNAL_FRAME_H
#define UNFREED_ARCH_X86_64_SIGNAL_FRAME_H

enum {
	SIGNAL_FRAME_FP = 120,    /* rbp */
	SIGNAL_FRAME_EXTRA = 128, /* rbx */
	SIGNAL_FRAME_SP = 160,
	SIGNAL_FRAME_PC = 168,
};

#endif
