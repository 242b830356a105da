/* SPDX-License-Identifier: BSD-2-Clause */
/* System V ABI, AMD64 supplement, 3.2.2 and 3.3.2; with tables of four levels. */
#include "../memory.h"

const uint64_t memory_end = UINT64_C(1) << 47;
const uint64_t red_zone_bytes = 128;
