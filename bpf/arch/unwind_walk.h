/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What a step of the walker has of the machine. Included by ../unwind_walk.h, whose readers it
 * uses; compiled for BPF and natively. A file for each machine, ARCH/unwind_walk.h, has
 *
 *   unwind_at_restorer(state)        whether pc is at the return from a signal handler
 *   unwind_plt_cfa(state, rule)      the CFA in a linkage stub: UNWIND_CFA_PLT
 *   unwind_go_stack(state, rule)     UNWIND_GO_STACK, enum unwind_result
 *   unwind_return_address(state, cfa)
 *                                    where the frame with this CFA returns to
 *   UNWIND_CODE_POINTER(word)        a return address without what the machine signs it with
 *   UNWIND_ADVANCES(state, cfa)      whether this CFA can be that of a caller
 *
 * and includes ARCH/signal_frame.h: where the registers of an interrupted function lie, from the
 * stack pointer in the restorer on. User space reads that too.
 */
#ifndef UNFREED_ARCH_UNWIND_WALK_H
#define UNFREED_ARCH_UNWIND_WALK_H

#if defined(__TARGET_ARCH_x86)
#include "x86_64/unwind_walk.h"
#elif defined(__TARGET_ARCH_arm64)
#include "aarch64/unwind_walk.h"
#else
#error "the stacks of this architecture are not described yet"
#endif

#endif
