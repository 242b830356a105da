/* SPDX-License-Identifier: BSD-2-Clause */
#include "request.h"

const char *const malloc_request_names[MALLOC_REQUESTS] = {
	[MALLOC_AUTO] = "auto",
	[MALLOC_EXACT] = "exact",
	[MALLOC_OFF] = "off",
};

const char *const python_request_names[PYTHON_REQUESTS] = {
	[PYTHON_AUTO] = "auto",
	[PYTHON_EXACT] = "exact",
	[PYTHON_POOLS] = "pools",
	[PYTHON_OFF] = "off",
};

/* What was at the highest moment is known by amounts, not by blocks. */
static enum reason check_peak(const struct request *request)
{
	if (request->reachability)
		return REASON_PEAK_OF_REACHABLE;
	if (request->old)
		return REASON_PEAK_OF_OLD;
	if (request->malloc == MALLOC_OFF && request->python != PYTHON_EXACT)
		return REASON_PEAK_OF_NOTHING;
	return REASON_NONE;
}

/* New pages are not blocks of anybody. */
static enum reason check_growth(const struct request *request)
{
	if (request->exact || request->peak || request->reachability || request->freeze ||
	    request->malloc != MALLOC_AUTO || request->python != PYTHON_AUTO)
		return REASON_GROWTH_ALONE;
	return REASON_NONE;
}

/* Of what is seen for moments no block's end is known for sure. */
static enum reason check_budget(const struct request *request)
{
	if (request->exact || request->growth || request->peak || request->old ||
	    request->reachability || request->freeze || request->malloc != MALLOC_AUTO ||
	    request->python != PYTHON_AUTO)
		return REASON_BUDGET_ALONE;
	return REASON_NONE;
}

enum reason request_check(const struct request *request)
{
	if (request->budget > 0)
		return check_budget(request);
	if (request->growth)
		return check_growth(request);
	if (request->freeze && !request->reachability)
		return REASON_FREEZE_ALONE;
	if (request->malloc == MALLOC_OFF && request->reachability)
		return REASON_NO_MALLOC_TO_REACH;
	if (request->malloc == MALLOC_OFF && request->python == PYTHON_OFF)
		return REASON_NOTHING_ASKED;
	return request->peak ? check_peak(request) : REASON_NONE;
}
