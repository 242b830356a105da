/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which new pages are taken of all that are touched, so that this costs little, and for how many
 * each of them stands. Pure. `mask` is of bpf/growth.h: one page in mask + 1 is taken.
 */
#ifndef UNFREED_TRACER_PAGE_SHARE_H
#define UNFREED_TRACER_PAGE_SHARE_H

#include "../memory/page_set.h"

/*
 * The mask from now on: programs took `program_s` of the processor in the last `passed_s`, in which
 * the targets used `used_s`.
 */
uint64_t page_share_next(uint64_t mask, double program_s, double used_s, double passed_s);

/*
 * What a block of so many bytes stands for by now; 0: for nothing, it is gone, or no page that is
 * taken any more. `fresh`: it was made since this was asked last.
 */
uint64_t page_share_bytes(uint64_t mask, const struct page_fate *fate, bool fresh, uint64_t bytes);

#endif
