/* SPDX-License-Identifier: GPL-2.0 */
/* x86-64. What each is for: ../registers.bpf.h. */
#ifndef UNFREED_ARCH_X86_64_REGISTERS_BPF_H
#define UNFREED_ARCH_X86_64_REGISTERS_BPF_H

#include <bpf/bpf_helpers.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct pt_regs {
	unsigned long r15;
	unsigned long r14;
	unsigned long r13;
	unsigned long r12;
	unsigned long bp;
	unsigned long bx;
	unsigned long r11;
	unsigned long r10;
	unsigned long r9;
	unsigned long r8;
	unsigned long ax;
	unsigned long cx;
	unsigned long dx;
	unsigned long si;
	unsigned long di;
	unsigned long orig_ax;
	unsigned long ip;
	unsigned long cs;
	unsigned long flags;
	unsigned long sp;
	unsigned long ss;
};

struct thread_struct___fs {
	unsigned long fsbase;
};

struct task_struct___fs {
	struct thread_struct___fs thread;
};

#pragma clang attribute pop

/* Of the kernel's API, which does not move: what programs on perf events are given. */
struct bpf_perf_event_data {
	struct pt_regs regs;
	__u64 sample_period;
	__u64 addr;
};

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

static __always_inline __u64 regs_fp(struct pt_regs *ctx)
{
	return REGS_READ(ctx, bp);
}

static __always_inline __u64 regs_extra(struct pt_regs *ctx)
{
	return REGS_READ(ctx, bx);
}

/* 0 is the result's. */
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

/* The codes: jo, jno, jb, …, in that order. */
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

/* The return address is popped. */
#define REGS_RETURN_POPS 8

static __always_inline long regs_return_address(struct pt_regs *ctx, __u64 sp, __u64 *address)
{
	return bpf_probe_read_user(address, sizeof(*address), (void *)sp);
}

static __always_inline bool call_return_read(__u64 sp, __u64 *address)
{
	bpf_probe_read_user(address, sizeof(*address), (void *)sp);
	return true;
}

#define PERF_PC(ctx)    ((ctx)->regs.ip)
#define PERF_SP(ctx)    ((ctx)->regs.sp)
#define PERF_FP(ctx)    ((ctx)->regs.bp)
#define PERF_EXTRA(ctx) ((ctx)->regs.bx)

static __always_inline __u64 thread_pointer(struct task_struct *task)
{
	return ((struct task_struct___fs *)task)->thread.fsbase;
}

#endif
