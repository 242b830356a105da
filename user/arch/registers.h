/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers of a thread as the kernel hands them out: PTRACE_GETREGSET and NT_PRSTATUS, words
 * in the order of struct user_regs_struct.
 */
#ifndef UNFREED_ARCH_REGISTERS_H
#define UNFREED_ARCH_REGISTERS_H

#include <stddef.h>

enum { THREAD_REGISTERS_MAX = 34 };

struct thread_registers {
	size_t count;
	size_t stack_pointer; /* number of */
	size_t instruction_pointer;
};

extern const struct thread_registers thread_registers;

#endif
