/* SPDX-License-Identifier: BSD-2-Clause */
/* Which frames of a stack are of the user's own code, and which one stands for the stack. */
#ifndef UNFREED_OWN_FRAME_H
#define UNFREED_OWN_FRAME_H

#include "output.h"

/*
 * As profile/own_code.h has it; with paths, what lies at or below one of them: its source or its
 * ELF file. What the user has to allocate with is none of it.
 */
bool frame_is_users(const struct target *target, const struct frame *frame,
		    const struct app_paths *app);

/* The innermost frame of the user's own code; NULL where there is none. */
const struct frame *stack_own_frame(const struct snapshot *snapshot, const struct stack *stack,
				    const struct app_paths *app);

/* The frame of a stack that says most; NULL where it has no frames. */
const struct frame *stack_headline(const struct stack *stack);

#endif
