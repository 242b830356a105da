/* SPDX-License-Identifier: BSD-2-Clause */
#include "../trap_samples.h"

__attribute__((naked, noinline)) void trap_emulated(void)
{
	__asm__("push %rbp; pop %rbp; ret");
}

__attribute__((naked, noinline)) void trap_emulated_nop(void)
{
	__asm__(".byte 0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00; ret");
}

__attribute__((naked, noinline)) void trap_stepped(void)
{
	__asm__("test %rdi, %rdi; ret");
}
