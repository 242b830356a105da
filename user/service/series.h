/* SPDX-License-Identifier: BSD-2-Clause */
/* A figure over time, as long as an inquiry takes. */
#ifndef UNFREED_SERVICE_SERIES_H
#define UNFREED_SERVICE_SERIES_H

#include "../analyze/slope.h"

enum { SERIES_MAX = 400 };

struct series {
	struct sample items[SERIES_MAX];
	size_t count;
};

/* A sample more; where there is no room, every second one goes. */
void series_add(struct series *series, double at_s, double value);

/* At any time: on the line between the samples around it. There has to be one. */
double series_at(const struct series *series, double at_s);

/* From the first sample to the last; 0 where there are none. */
double series_rise(const struct series *series);

#endif
