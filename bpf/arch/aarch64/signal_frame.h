/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * struct rt_sigframe, at which sp points in the restorer (Linux, arch/arm64/kernel/signal.c): a
 * siginfo_t of 128 bytes, then a ucontext (include/uapi/asm/ucontext.h) whose sigcontext is aligned
 * to 16 bytes (uapi/asm/sigcontext.h): the address of a fault, x0 to x30, sp, pc.
 */
#ifndef UNFREED_ARCH_AARCH64_SIGNAL_FRAME_H
#define UNFREED_ARCH_AARCH64_SIGNAL_FRAME_H

enum {
	SIGNAL_FRAME_UCONTEXT = 128,
	/* flags, link, stack and a mask that has room for 1024 signals */
	SIGNAL_FRAME_SIGCONTEXT = SIGNAL_FRAME_UCONTEXT + ((8 + 8 + 24 + 128 + 15) & ~15),
	SIGNAL_FRAME_REGISTERS = SIGNAL_FRAME_SIGCONTEXT + 8,
	SIGNAL_FRAME_FP = SIGNAL_FRAME_REGISTERS + 29 * 8,
	SIGNAL_FRAME_EXTRA = SIGNAL_FRAME_REGISTERS + 30 * 8, /* x30 */
	SIGNAL_FRAME_SP = SIGNAL_FRAME_REGISTERS + 31 * 8,
	SIGNAL_FRAME_PC = SIGNAL_FRAME_REGISTERS + 32 * 8,
};

#endif
