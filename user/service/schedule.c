/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A look with a graph at once, two without that soon show which containers get longer, another with
 * a graph that names them; then there is time for watches on them, with looks in between.
 *
 * A process that came later is often one that does not live long: a worker that is replaced after
 * so many requests. It is left alone while it starts; what tells stands in the first half of its
 * life, as few live equally long; and its last look comes before its likely end.
 */
#include "schedule.h"

enum { TELLS = 3 /* of both: the second graph */ };

static const struct schedule_step of_all[] = {
	{0, true, STEP_NEEDED},       {0.03, false, STEP_SPARED},   {0.07, false, STEP_NEEDED},
	{0.125, true, STEP_NEEDED},   {0.25, false, STEP_OPTIONAL}, {0.4, true, STEP_OPTIONAL},
	{0.55, false, STEP_OPTIONAL}, {0.7, true, STEP_OPTIONAL},   {0.85, false, STEP_OPTIONAL},
};

static const struct schedule_step of_newcomer[] = {
	{0.1, true, STEP_NEEDED},  {0.2, false, STEP_SPARED},   {0.3, false, STEP_NEEDED},
	{0.45, true, STEP_NEEDED}, {0.85, true, STEP_FAREWELL},
};

#define STEPS(of) of, sizeof(of) / sizeof(*(of))

void schedule_begin(struct schedule *schedule, enum schedule_kind kind, double began_s,
		    double end_s)
{
	*schedule = kind == SCHEDULE_OF_ALL ? (struct schedule){STEPS(of_all)}
					    : (struct schedule){STEPS(of_newcomer)};
	schedule->began_s = began_s;
	schedule->end_s = end_s;
}

static bool is_due(const struct schedule *schedule, size_t step, double now_s)
{
	return step < schedule->count &&
	       now_s >= schedule->began_s +
				schedule->steps[step].at * (schedule->end_s - schedule->began_s);
}

void schedule_move_end(struct schedule *schedule, double end_s, double now_s)
{
	size_t left = schedule->next, i = schedule->next;

	schedule->end_s = end_s;
	for (; is_due(schedule, i, now_s); i++)
		if (schedule->steps[i].graph || !schedule->steps[left].graph)
			left = i;
	schedule->next = left;
	schedule->after = i;
}

const struct schedule_step *schedule_take(struct schedule *schedule, double now_s)
{
	size_t step = schedule->next;

	if (!is_due(schedule, step, now_s))
		return NULL;
	schedule->next = step + 1 > schedule->after ? step + 1 : schedule->after;
	return &schedule->steps[step];
}

bool schedule_has_told(const struct schedule *schedule)
{
	return schedule->next > TELLS;
}
