/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processor time that inquiries may take: a share of a processor over time, less what is meant
 * for looks (looks.h) and what the monitor takes itself to read, keep and answer. So all of it
 * together stays within that share; but where that alone were half of it or more, half of it stays
 * for asking: many processes that are read often would else silence it.
 */
#ifndef UNFREED_SERVICE_MONITOR_SPENDING_H
#define UNFREED_SERVICE_MONITOR_SPENDING_H

#include <stdbool.h>

/* What looks may have of the share. */
#define SPENDING_LOOK_SHARE 0.2

/* Of one inquiry, until the first has told. */
#define SPENDING_USUAL_S 2.0

struct spending {
	double allowed_s; /* processor time; negative: a debt */
	double counted_s; /* when that was counted; 0: not yet */
	double own_s;     /* the monitor's own, as of then */
};

/* Until now; `own_s` is the processor time of the monitor's own since it began. */
void spending_count(struct spending *spending, double share, double now_s, double own_s);

/* Whether one may begin that cost so much the last time; 0: not known. */
bool spending_allows(const struct spending *spending, double cost_s);

#endif
