/* SPDX-License-Identifier: BSD-2-Clause */
#include "spending.h"

#include <math.h>

#define ALLOWED_MOST_S 20.0 /* that is put by */
#define LEAST_SHARE    0.5

void spending_count(struct spending *spending, double share, double now_s, double own_s)
{
	double given_s = (1 - SPENDING_LOOK_SHARE) * share * (now_s - spending->counted_s);
	double taken_s = own_s - spending->own_s;

	if (!spending->counted_s)
		spending->allowed_s = SPENDING_USUAL_S;
	else
		spending->allowed_s += fmax(given_s - taken_s, LEAST_SHARE * given_s);
	spending->allowed_s = fmin(spending->allowed_s, ALLOWED_MOST_S);
	spending->counted_s = now_s;
	spending->own_s = own_s;
}

bool spending_allows(const struct spending *spending, double cost_s)
{
	return spending->allowed_s >=
	       (cost_s > 0 ? fmin(cost_s, ALLOWED_MOST_S) : SPENDING_USUAL_S);
}
