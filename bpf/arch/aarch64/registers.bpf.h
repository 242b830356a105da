/* SPDX-License-Identifier: GPL-2.0 */
/*
 * AArch64. What each is for: ../registers.bpf.h.
 *
 * Sources: Linux, arch/arm64/include/uapi/asm/ptrace.h (struct user_pt_regs, with which struct
 * pt_regs begins) and asm/processor.h (struct thread_struct); Procedure Call Standard for the Arm
 * 64-bit Architecture, 6.1; Arm Architecture Reference Manual, C1.2.4 (conditions).
 */
#ifndef UNFREED_ARCH_AARCH64_REGISTERS_BPF_H
#define UNFREED_ARCH_AARCH64_REGISTERS_BPF_H

#include <bpf/bpf_helpers.h>

#include "code_pointer.h"

struct pt_regs {
	__u64 regs[31];
	__u64 sp;
	__u64 pc;
	__u64 pstate;
};

struct bpf_perf_event_data {
	struct pt_regs regs;
	__u64 sample_period;
	__u64 addr;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct thread_struct___tp {
	struct {
		unsigned long tp_value;
	} uw;
};

struct task_struct___tp {
	struct thread_struct___tp thread;
};

#pragma clang attribute pop

static __always_inline __u64 regs_argument(struct pt_regs *ctx, __u32 index)
{
	__u64 first = REGS_READ(ctx, regs[0]);
	__u64 second = REGS_READ(ctx, regs[1]);
	__u64 third = REGS_READ(ctx, regs[2]);

	return index == 0 ? first : index == 1 ? second : third;
}

static __always_inline __u64 regs_result(struct pt_regs *ctx)
{
	return REGS_READ(ctx, regs[0]);
}

static __always_inline __u64 regs_pc(struct pt_regs *ctx)
{
	return REGS_READ(ctx, pc);
}

static __always_inline __u64 regs_sp(struct pt_regs *ctx)
{
	return REGS_READ(ctx, sp);
}

static __always_inline __u64 regs_fp(struct pt_regs *ctx)
{
	return REGS_READ(ctx, regs[29]);
}

/* x30, the link register. */
static __always_inline __u64 regs_extra(struct pt_regs *ctx)
{
	return REGS_READ(ctx, regs[30]);
}

/* A cookie has room for 16 of them (PROBE_PLACE), and user space names no other. */
static __always_inline __u64 regs_numbered(struct pt_regs *ctx, __u32 number)
{
	switch (number) {
	case 0:
		return REGS_READ(ctx, regs[0]);
	case 1:
		return REGS_READ(ctx, regs[1]);
	case 2:
		return REGS_READ(ctx, regs[2]);
	case 3:
		return REGS_READ(ctx, regs[3]);
	case 4:
		return REGS_READ(ctx, regs[4]);
	case 5:
		return REGS_READ(ctx, regs[5]);
	case 6:
		return REGS_READ(ctx, regs[6]);
	case 7:
		return REGS_READ(ctx, regs[7]);
	case 8:
		return REGS_READ(ctx, regs[8]);
	case 9:
		return REGS_READ(ctx, regs[9]);
	case 10:
		return REGS_READ(ctx, regs[10]);
	case 11:
		return REGS_READ(ctx, regs[11]);
	case 12:
		return REGS_READ(ctx, regs[12]);
	case 13:
		return REGS_READ(ctx, regs[13]);
	case 14:
		return REGS_READ(ctx, regs[14]);
	case 15:
		return REGS_READ(ctx, regs[15]);
	}
	return 0;
}

/* PSTATE */
#define FLAG_OVERFLOW (1u << 28)
#define FLAG_CARRY    (1u << 29)
#define FLAG_ZERO     (1u << 30)
#define FLAG_NEGATIVE (1u << 31)

/* The codes: eq, ne, cs, cc, mi, pl, vs, vc, hi, ls, ge, lt, gt, le, al, in that order. */
static __always_inline bool regs_condition(struct pt_regs *ctx, __u32 code)
{
	__u64 flags = REGS_READ(ctx, pstate);
	bool less = !(flags & FLAG_NEGATIVE) != !(flags & FLAG_OVERFLOW);
	__u32 which = code >> 1;
	bool holds;

	if (which == 0)
		holds = flags & FLAG_ZERO;
	else if (which == 1)
		holds = flags & FLAG_CARRY;
	else if (which == 2)
		holds = flags & FLAG_NEGATIVE;
	else if (which == 3)
		holds = flags & FLAG_OVERFLOW;
	else if (which == 4)
		holds = flags & FLAG_CARRY && !(flags & FLAG_ZERO);
	else if (which == 5)
		holds = !less;
	else if (which == 6)
		holds = !less && !(flags & FLAG_ZERO);
	else
		return true;
	return holds != (code & 1);
}

/* A call pushes nothing. */
#define REGS_RETURN_POPS 0

/* The sites of such functions are their `ret`s (the decoder follows no x30 that is loaded). */
static __always_inline long regs_return_address(struct pt_regs *ctx, __u64 sp, __u64 *address)
{
	*address = CODE_POINTER(REGS_READ(ctx, regs[30]));
	return 0;
}

/* It is in x30 first, and then wherever the function saves that. */
static __always_inline bool call_return_read(__u64 sp, __u64 *address)
{
	return false;
}

#define PERF_PC(ctx)    ((ctx)->regs.pc)
#define PERF_SP(ctx)    ((ctx)->regs.sp)
#define PERF_FP(ctx)    ((ctx)->regs.regs[29])
#define PERF_EXTRA(ctx) ((ctx)->regs.regs[30])

/*
 * tpidr_el0 as of when the thread was last switched out, as the kernel keeps it no sooner: right
 * for all threads but the first one of a process in the first moments of its life.
 */
static __always_inline __u64 thread_pointer(struct task_struct *task)
{
	return ((struct task_struct___tp *)task)->thread.uw.tp_value;
}

#endif
