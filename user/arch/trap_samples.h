/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Functions of this program that a probe is put on, to measure what its trap costs here. Each
 * begins with an instruction of one kind, and returns.
 */
#ifndef UNFREED_ARCH_TRAP_SAMPLES_H
#define UNFREED_ARCH_TRAP_SAMPLES_H

void trap_emulated(void);
void trap_emulated_nop(void); /* emulated by newer kernels only */
void trap_stepped(void);

#endif
