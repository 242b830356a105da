/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Registers of the probed task: the one place that knows the architecture's names.
 */
#ifndef UNFREED_REGS_BPF_H
#define UNFREED_REGS_BPF_H

#include "probes.h"

/*
 * Reads one register. In assembly, because newer clangs compute the address of a register that is
 * read twice only once, or select among addresses, and the verifier refuses to read through a
 * context pointer that was added to.
 */
#define REGS_READ(ctx, field)                                                             \
	({                                                                                \
		__u64 value;                                                              \
		asm volatile("%0 = *(u64 *)(%1 + %2)"                                     \
			     : "=r"(value)                                                \
			     : "r"(ctx), "i"(__builtin_offsetof(struct pt_regs, field))); \
		value;                                                                    \
	})

#if defined(__TARGET_ARCH_x86)

/* One of the first three integer arguments. */
static __always_inline __u64 regs_argument(struct pt_regs *ctx, __u32 index)
{
	__u64 first = REGS_READ(ctx, di);
	__u64 second = REGS_READ(ctx, si);
	__u64 third = REGS_READ(ctx, dx);

	return index == 0 ? first : index == 1 ? second : third;
}

static __always_inline __u64 regs_result(struct pt_regs *ctx)
{
	return REGS_READ(ctx, ax);
}

static __always_inline __u64 regs_pc(struct pt_regs *ctx)
{
	return REGS_READ(ctx, ip);
}

static __always_inline __u64 regs_sp(struct pt_regs *ctx)
{
	return REGS_READ(ctx, sp);
}

/* The registers that unwinding starts from, besides pc and sp. */
static __always_inline __u64 regs_fp(struct pt_regs *ctx)
{
	return REGS_READ(ctx, bp);
}

static __always_inline __u64 regs_bx(struct pt_regs *ctx)
{
	return REGS_READ(ctx, bx);
}

/* How far a return moves the stack pointer: the return address is popped. */
#define REGS_RETURN_POPS 8

#else
#error "registers of this architecture are not described yet"
#endif

#endif
