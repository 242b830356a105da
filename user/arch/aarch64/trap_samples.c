/* SPDX-License-Identifier: BSD-2-Clause */
/* Plain assembly, as gcc has no naked functions for this machine. See decoder.c for the kinds. */
#include "../trap_samples.h"

#define TRAP_SAMPLE(name, code)                              \
	__asm__(".pushsection .text\n"                       \
		".global " #name "\n"                        \
		".type " #name ", %function\n"               \
		".balign 4\n" #name ":\n\t" code "\n\tret\n" \
		".size " #name ", . - " #name "\n"           \
		".popsection")

TRAP_SAMPLE(trap_emulated, "b 1f\n1:");
TRAP_SAMPLE(trap_emulated_nop, "nop");
TRAP_SAMPLE(trap_stepped, "stp x29, x30, [sp, #-16]!\n\tldp x29, x30, [sp], #16");
