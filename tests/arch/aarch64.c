/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Figures of user/arch/aarch64 and bpf/arch/aarch64 against the machine's own headers. Compiled
 * for it (scripts/check-arch), and never run.
 */
#include <asm/ptrace.h>
#include <elf.h>
#include <signal.h>
#include <stddef.h>
#include <sys/procfs.h>
#include <sys/ucontext.h>
#include <sys/user.h>

#include "../../bpf/arch/aarch64/signal_frame.h"
#include "../../user/arch/registers.h"

/* What the kernel puts on the stack: struct rt_sigframe of arch/arm64/kernel/signal.c. */
struct frame {
	siginfo_t info;
	ucontext_t context;
};

#define REGISTER(number)                                         \
	(int)(offsetof(struct frame, context.uc_mcontext.regs) + \
	      (number) * sizeof(((ucontext_t *)0)->uc_mcontext.regs[0]))

_Static_assert(SIGNAL_FRAME_UCONTEXT == offsetof(struct frame, context), "");
_Static_assert(SIGNAL_FRAME_FP == REGISTER(29), "");
_Static_assert(SIGNAL_FRAME_EXTRA == REGISTER(30), "");
_Static_assert(SIGNAL_FRAME_SP == offsetof(struct frame, context.uc_mcontext.sp), "");
_Static_assert(SIGNAL_FRAME_PC == offsetof(struct frame, context.uc_mcontext.pc), "");

_Static_assert(sizeof(struct user_regs_struct) == 8 * THREAD_REGISTERS_MAX, "");
_Static_assert(offsetof(struct user_regs_struct, sp) == 8 * 31, "");
_Static_assert(offsetof(struct user_regs_struct, pc) == 8 * 32, "");
_Static_assert(sizeof(struct user_pt_regs) == sizeof(struct user_regs_struct), "");
_Static_assert(offsetof(struct elf_prstatus, pr_reg) == 112, "");
_Static_assert(sizeof(struct elf_prstatus) == 112 + 8 * THREAD_REGISTERS_MAX + 8, "");

/* What PTRACE_SETREGSET takes for one breakpoint. */
_Static_assert(offsetof(struct user_hwdebug_state, dbg_regs) == 8, "");
_Static_assert(sizeof(((struct user_hwdebug_state *)0)->dbg_regs[0]) == 16, "");
