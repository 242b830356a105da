/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Registers of the probed task: the one place that knows the architecture's names.
 */
#ifndef UNFREED_REGS_BPF_H
#define UNFREED_REGS_BPF_H

#include "probes.h"

#if defined(__TARGET_ARCH_x86)

/* One of the first three integer arguments. */
static __always_inline __u64 regs_argument(struct pt_regs *ctx, __u32 index)
{
	__u64 first = ctx->di;
	__u64 second = ctx->si;
	__u64 third = ctx->dx;

	barrier_var(first); /* else clang selects among addresses, which the verifier refuses */
	barrier_var(second);
	barrier_var(third);
	return index == 0 ? first : index == 1 ? second : third;
}

static __always_inline __u64 regs_result(struct pt_regs *ctx)
{
	return ctx->ax;
}

static __always_inline __u64 regs_pc(struct pt_regs *ctx)
{
	return ctx->ip;
}

static __always_inline __u64 regs_sp(struct pt_regs *ctx)
{
	return ctx->sp;
}

/* The registers that unwinding starts from, besides pc and sp. */
static __always_inline __u64 regs_fp(struct pt_regs *ctx)
{
	return ctx->bp;
}

static __always_inline __u64 regs_bx(struct pt_regs *ctx)
{
	return ctx->bx;
}

/* How far a return moves the stack pointer: the return address is popped. */
#define REGS_RETURN_POPS 8

#else
#error "registers of this architecture are not described yet"
#endif

#endif
