/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A look at one process of each service now and then, whether it grows or not: where its
 * memory is, what is in it, how its collector, caches and pools are. One at a time, the
 * service first at which nobody has looked for the longest, inquiries too (inquiries.h); never
 * the one that is being asked. What looks cost is of the share that inquiries have, and no
 * more than a part of it over time.
 */
#ifndef UNFREED_SERVICE_MONITOR_LOOKS_H
#define UNFREED_SERVICE_MONITOR_LOOKS_H

#include "inquiries.h"

struct looks {
	struct inquiries *inquiries;     /* with their options, roster, and loop */
	struct asking *asking;           /* NULL: none is made */
	struct watched_service *service; /* at which */
	double began_s;                  /* when that one was begun */
	double after_s;                  /* none before that */
	uint64_t made;
	uint64_t failed; /* of them */
};

/* After each inquiries_attend(): begins one where it is due. */
void looks_attend(struct looks *looks, double now_s);

void looks_release(struct looks *looks);

#endif
