/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Registers of the probed thread, for programs. A file for each machine, ARCH/registers.bpf.h, has
 *
 *   struct pt_regs, struct bpf_perf_event_data   what a program is given
 *
 *   regs_argument(ctx, index)      one of the first three integer arguments
 *   regs_result(ctx)               what a function returns
 *   regs_pc, regs_sp, regs_fp, regs_extra(ctx)
 *                                  what unwinding starts from (unwind.h)
 *   regs_numbered(ctx, number)     a general register, by the number that instructions have for it
 *   regs_condition(ctx, code)      whether a conditional branch with this code is taken
 *   REGS_RETURN_POPS               bytes by which a return raises the stack pointer
 *   regs_return_address(ctx, sp, address)
 *                                  to where the function returns whose stack pointer was `sp` when
 *                                  it was entered, from its last instructions; not 0: unknown
 *   call_return_read(sp, address)  to where a function returns that was entered with this stack
 *                                  pointer and still runs; false: nobody can tell from outside
 *   PERF_PC, PERF_SP, PERF_FP, PERF_EXTRA(ctx)
 *                                  the same of what a program on a perf event is given
 *   thread_pointer(task)           where the current thread's own memory begins
 */
#ifndef UNFREED_ARCH_REGISTERS_BPF_H
#define UNFREED_ARCH_REGISTERS_BPF_H

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
#include "x86_64/registers.bpf.h"
#elif defined(__TARGET_ARCH_arm64)
#include "aarch64/registers.bpf.h"
#else
#error "registers of this architecture are not described yet"
#endif

#endif
