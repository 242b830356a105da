/* SPDX-License-Identifier: BSD-2-Clause */
#include "page_share.h"

#include <math.h>

#include "../../bpf/growth.h"
#include "../arch/memory.h"

#define COST_SHARE 0.03  /* of the targets' processor time may go into what is taken, */
#define COST_LEAST 0.005 /* and so much of a processor at any rate */
#define FAR        4     /* times less is cheap */

#define MASK_MOST 4095

/*
 * Half as many pages, until the rest is cheap enough; what every fault costs stays. Twice as many
 * again where that is far from dear, as after a start that touched much: blocks that were made
 * meanwhile go on to stand for as many pages as then.
 */
uint64_t page_share_next(uint64_t mask, double program_s, double used_s, double passed_s)
{
	double allowed_s = fmax(used_s * COST_SHARE, passed_s * COST_LEAST);
	uint64_t before = mask;

	for (; program_s > allowed_s && mask < MASK_MOST; program_s /= 2)
		mask = 2 * mask + 1;
	return mask == before && program_s * FAR < allowed_s ? mask / 2 : mask;
}

/*
 * Where fewer pages are taken than when the block was made, those of them that still are stand for
 * the others too. A huge page is made by one fault; what was seen as a small one and became a part
 * of one later, by the kernel's own doing, is as small as it was.
 */
uint64_t page_share_bytes(uint64_t mask, const struct page_fate *fate, bool fresh, uint64_t bytes)
{
	if (!fate->there || !PAGE_IS_TAKEN(fate->address, mask))
		return 0;
	if (bytes / MACHINE_PAGE_BYTES < mask + 1)
		bytes = (mask + 1) * MACHINE_PAGE_BYTES;
	return fate->huge && fresh ? bytes * (PAGE_HUGE_BYTES / MACHINE_PAGE_BYTES) : bytes;
}
