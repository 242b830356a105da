/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Linux, Documentation/arch/arm64/memory.rst: 48 bits, also where the kernel has 52, unless mmap is
 * asked for more. Procedure Call Standard for the Arm 64-bit Architecture, 6.4.5.1: nothing may lie
 * below the stack pointer.
 */
#include "../memory.h"

const uint64_t memory_end = UINT64_C(1) << 48;
const uint64_t red_zone_bytes = 0;
