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

static __always_inline __u64 regs_extra(struct pt_regs *ctx)
{
	return REGS_READ(ctx, bx);
}

/* A general register by the number that instructions have for it; 0 is the result's. */
static __always_inline __u64 regs_numbered(struct pt_regs *ctx, __u32 number)
{
	switch (number) {
	case 0:
		return REGS_READ(ctx, ax);
	case 1:
		return REGS_READ(ctx, cx);
	case 2:
		return REGS_READ(ctx, dx);
	case 3:
		return REGS_READ(ctx, bx);
	case 5:
		return REGS_READ(ctx, bp);
	case 6:
		return REGS_READ(ctx, si);
	case 7:
		return REGS_READ(ctx, di);
	case 8:
		return REGS_READ(ctx, r8);
	case 9:
		return REGS_READ(ctx, r9);
	case 10:
		return REGS_READ(ctx, r10);
	case 11:
		return REGS_READ(ctx, r11);
	case 12:
		return REGS_READ(ctx, r12);
	case 13:
		return REGS_READ(ctx, r13);
	case 14:
		return REGS_READ(ctx, r14);
	case 15:
		return REGS_READ(ctx, r15);
	}
	return 0;
}

/* EFLAGS */
#define FLAG_CARRY    0x001
#define FLAG_PARITY   0x004
#define FLAG_ZERO     0x040
#define FLAG_SIGN     0x080
#define FLAG_OVERFLOW 0x800

/* Whether a conditional branch with this code (jo, jno, jb, …: in that order) is taken. */
static __always_inline bool regs_condition(struct pt_regs *ctx, __u32 code)
{
	__u64 flags = REGS_READ(ctx, flags);
	bool less = !(flags & FLAG_SIGN) != !(flags & FLAG_OVERFLOW);
	__u32 which = code >> 1;
	bool holds;

	if (which == 0)
		holds = flags & FLAG_OVERFLOW;
	else if (which == 1)
		holds = flags & FLAG_CARRY;
	else if (which == 2)
		holds = flags & FLAG_ZERO;
	else if (which == 3)
		holds = flags & (FLAG_CARRY | FLAG_ZERO);
	else if (which == 4)
		holds = flags & FLAG_SIGN;
	else if (which == 5)
		holds = flags & FLAG_PARITY;
	else if (which == 6)
		holds = less;
	else
		holds = less || flags & FLAG_ZERO;
	return holds != (code & 1);
}

/* How far a return moves the stack pointer: the return address is popped. */
#define REGS_RETURN_POPS 8

#else
#error "registers of this architecture are not described yet"
#endif

#endif
