/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of a process on this machine.
 *
 * Pages have 4 KiB everywhere here: x86-64 has no others, and kernels for AArch64 that have larger
 * ones are not supported.
 */
#ifndef UNFREED_ARCH_MEMORY_H
#define UNFREED_ARCH_MEMORY_H

#include <stdint.h>

enum { MACHINE_PAGE_BYTES = 4096 };

extern const uint64_t memory_end;     /* first address that is not user space's */
extern const uint64_t red_zone_bytes; /* below the stack pointer, of functions that call none */

#endif
