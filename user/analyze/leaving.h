/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What leaves a container that grows: all of it in time, as from a cache, or some, while the rest
 * stays for good, as tasks, connections or requests under way of which some are forgotten.
 *
 * Where all entries live for some time, more stayed at first than do now: where as many leave as
 * stay, the present rate would have made 0.7 of its size, where ten times as many do a quarter. Of
 * lives that end by chance that share is ln(1 + n) / n where n leave for one that stays, of others
 * less. Where some leave soon and the others never, it is 1.
 *
 * Limit: a cache whose entries mostly leave soon, and the others much later, is told from a leak
 * only when that time has come.
 */
#ifndef UNFREED_ANALYZE_LEAVING_H
#define UNFREED_ANALYZE_LEAVING_H

#include "verdict.h"

struct leaving {
	double grown;  /* entries, from the first sample to the last */
	double fallen; /* the sum of all falls between samples */
	double share; /* of its size that its rate makes in its age, in the middle of the samples */
};

/* Whether it looks more as if some stay for good. `per_s`: its growth, above zero. */
bool leaving_is_of_some(const struct container_history *history, double per_s,
			const struct leaving *leaving);

#endif
