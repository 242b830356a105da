// SPDX-License-Identifier: BSD-2-Clause
/*
 * A look with a graph at once, two without that soon show which containers get longer, another with
 * a graph that names them; then there is time for watches on them, with looks in between.
 *
 * A process that came later is often one that does not live long: a worker that is replaced after
 * so many requests. It is left alone while it starts; what tells stands in the first half of its
 * life, as few live equally long; and its last look comes before its likely end.
 */
#include "plan.h"

enum { TELLS = 3 /* of both: the second graph */ };

static const struct plan_step of_all[] = {
	{0, true, PLAN_NEEDED},       {0.03, false, PLAN_SPARED},   {0.07, false, PLAN_NEEDED},
	{0.125, true, PLAN_NEEDED},   {0.25, false, PLAN_OPTIONAL}, {0.4, true, PLAN_OPTIONAL},
	{0.55, false, PLAN_OPTIONAL}, {0.7, true, PLAN_OPTIONAL},   {0.85, false, PLAN_OPTIONAL},
};

static const struct plan_step of_newcomer[] = {
	{0.1, true, PLAN_NEEDED},  {0.2, false, PLAN_SPARED},   {0.3, false, PLAN_NEEDED},
	{0.45, true, PLAN_NEEDED}, {0.85, true, PLAN_FAREWELL},
};

#define STEPS(of) of, sizeof(of) / sizeof(*(of))

void plan_begin(struct plan *plan, enum plan_kind kind, double began_s, double end_s)
{
	*plan = kind == PLAN_OF_ALL ? (struct plan){STEPS(of_all)}
				    : (struct plan){STEPS(of_newcomer)};
	plan->began_s = began_s;
	plan->end_s = end_s;
}

static bool is_due(const struct plan *plan, size_t step, double now_s)
{
	return step < plan->count &&
	       now_s >= plan->began_s + plan->steps[step].at * (plan->end_s - plan->began_s);
}

void plan_move_end(struct plan *plan, double end_s, double now_s)
{
	size_t left = plan->next, i = plan->next;

	plan->end_s = end_s;
	for (; is_due(plan, i, now_s); i++)
		if (plan->steps[i].graph || !plan->steps[left].graph)
			left = i;
	plan->next = left;
	plan->after = i;
}

const struct plan_step *plan_take(struct plan *plan, double now_s)
{
	size_t step = plan->next;

	if (!is_due(plan, step, now_s))
		return NULL;
	plan->next = step + 1 > plan->after ? step + 1 : plan->after;
	return &plan->steps[step];
}

bool plan_has_told(const struct plan *plan)
{
	return plan->next > TELLS;
}
