/* SPDX-License-Identifier: BSD-2-Clause */
/* How much memory the tool may take without harm to the host of its patient. */
#ifndef UNFREED_MEMORY_BUDGET_H
#define UNFREED_MEMORY_BUDGET_H

#include <stdint.h>

/*
 * In bytes: 512 MB, or a quarter of what the host and the own cgroup have free, where that is less;
 * at least 16 MB. Also makes the tool the first to go where memory runs out (oom_score_adj).
 */
uint64_t budget_default(void);

#endif
