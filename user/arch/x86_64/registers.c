/* SPDX-License-Identifier: BSD-2-Clause */
/* <sys/user.h>: struct user_regs_struct. */
#include "../registers.h"

const struct thread_registers thread_registers = {
	.count = 27,
	.stack_pointer = 19,
	.instruction_pointer = 16,
};
