/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which looks an inquiry makes: decided here, and made elsewhere. Each process has its schedule
 * (schedule.h), and an allowance of its own; a look that is too dear falls away.
 *
 * Of workers that come and go not each can be looked at: looks cost as much of one that lives for
 * ten seconds as of any other. So newcomers share what is left of the allowance of all: one is
 * taken up, for its whole life, when there is enough for that by the time at which it is likely to
 * end, as others did. One has to tell in any case, whatever it costs.
 */
#include "inquiry_internal.h"

#include <math.h>

#include "../lib/clock.h"
#include "c_memory.h"
#include "lost.h"

#define IDLE_SHARE 0.005 /* of a processor: a master that uses less keeps nothing itself */
#define IDLE_S     4.0   /* in which that can be told, of processor time that comes in ticks */
#define YOUNG_S    600.0 /* until then, that it started counts for more than what it does since */
#define GROWN      1.3   /* a look costs more than the last one, of what grows */
#define OLD_LIVES  2.0   /* what has lived so much longer than others do is of another kind */
#define LIFE_SPENT 0.3   /* of a life: later is too late to begin */
#define TIME_LEAST 0.05  /* of the inquiry's: less is too short to tell */
#define MOVED_S    0.5   /* less is no other end */

static double now_s(void)
{
	return clock_s(CLOCK_MONOTONIC);
}

/* The master of a server only waits for its workers; that of a pool may collect what they bring.
 * What one did before tells too, but of a young one only that it started. */
static bool is_idle_master(const struct inquiry *inquiry, const struct patient_case *kase)
{
	double life_s = procfs_seconds(kase->cpu_ticks);
	double passed_s = fmax(now_s() - inquiry->began_s, IDLE_S);

	return !inquiry_is_of(inquiry, kase) && case_used_s(kase) <= IDLE_SHARE * passed_s &&
	       (kase->uptime_s < YOUNG_S || life_s <= IDLE_SHARE * kase->uptime_s);
}

/* --- what may be spent --- */

/* What hits cost the process counts too. Of what is spent for none in particular, such as the loop
 * that polls, each has a part; it goes on, as counts of what is live do. */
double inquiry_left_s(const struct inquiry *inquiry, const struct patient_case *kase)
{
	struct allowance allowance = case_allowance(kase, inquiry_until_s(inquiry));
	double common = clock_s(CLOCK_PROCESS_CPUTIME_ID) - inquiry->cpu_began_s, alive = 0;

	for (size_t i = 0; i < inquiry->case_count; i++) {
		common -= (double)inquiry->cases[i]->own_cpu_ns / 1e9;
		alive += !inquiry->cases[i]->gone;
	}
	common /= fmax(alive, 1);
	allowance.spent += common + case_cost_s(kase);
	allowance.steady = common + (double)kase->counts_cpu_ns / 1e9;
	allowance.alike = alive - inquiry->of_workers; /* the master most often is idle */
	return allowance_left(&allowance);
}

static double cost_of(const struct patient_case *kase, bool graph)
{
	return (graph ? GROWN : 1) * case_look_cost(kase, graph);
}

/* Of the looks that are planned, and one at the end. */
static double cost_of_rest(const struct inquiry *inquiry, const struct patient_case *kase)
{
	double cost = cost_of(kase, true);

	if (kase->gone || is_idle_master(inquiry, kase))
		return 0;
	for (size_t i = kase->schedule.next; i < kase->schedule.count; i++)
		if (kase->schedule.steps[i].need != STEP_FAREWELL)
			cost += cost_of(kase, kase->schedule.steps[i].graph);
	return cost;
}

/* What those that were there at first may take, and those newcomers that have begun. */
static double reserved_for(const struct inquiry *inquiry, const struct patient_case *kase)
{
	double rest = cost_of_rest(inquiry, kase);

	return kase->newcomer ? rest : fmin(rest, fmax(inquiry_left_s(inquiry, kase), 0));
}

/* What is left for one that came later, of all that may be spent by a certain time. */
static double left_for_newcomer(const struct inquiry *inquiry, const struct patient_case *kase,
				double until_s)
{
	struct allowance allowance = {
		.duration = until_s - inquiry->began_s,
		.passed = now_s() - inquiry->began_s,
		.used = inquiry_used_s(inquiry),
		.spent = inquiry_spent_s(inquiry),
	};

	for (size_t i = 0; i < inquiry->case_count; i++) {
		const struct patient_case *other = inquiry->cases[i];

		allowance.usual += other->newcomer ? 0 : other->life_share;
		allowance.spent += other == kase ? 0 : reserved_for(inquiry, other);
	}
	return allowance_left(&allowance);
}

/* Nobody has told yet, and nobody else is about to. */
static bool has_to_tell(const struct inquiry *inquiry, const struct patient_case *kase)
{
	for (size_t i = 0; i < inquiry->case_count; i++) {
		const struct patient_case *other = inquiry->cases[i];

		if (other != kase && inquiry_is_of(inquiry, other) && (other->told || !other->gone))
			return false;
	}
	return !kase || !kase->told;
}

static double find_left(const struct inquiry *inquiry, const struct patient_case *kase)
{
	if (!kase->newcomer)
		return inquiry_left_s(inquiry, kase);
	double left = left_for_newcomer(inquiry, kase, kase->schedule.end_s);

	return has_to_tell(inquiry, kase) ? fmax(left, cost_of_rest(inquiry, kase)) : left;
}

/* --- which look it is to be --- */

/*
 * The last one shows what grew, and where it is too dear, at least where the memory is, to which
 * objects add nothing but whether those that were lost still are.
 */
enum chosen_look inquiry_choose_last(const struct inquiry *inquiry, struct patient_case *kase)
{
	if (kase->gone || is_idle_master(inquiry, kase) || !kase->patient.looks)
		return NO_LOOK;
	if (!kase->patient.is_python || !kase->look)
		return GRAPH_LOOK;
	/* nothing is to be kept in reserve for later ones any more */
	if (case_is_still(kase))
		return PLAIN_LOOK;
	if (case_look_cost(kase, true) <= find_left(inquiry, kase))
		return GRAPH_LOOK;
	return lost_is_doubtful(&kase->patient.objects) ? PLAIN_LOOK : MEASURE;
}

/* One that executed a Python meanwhile has had no looks that count. */
static bool has_begun_late(const struct inquiry *inquiry, const struct patient_case *kase)
{
	return !inquiry->of_workers && kase->renewed && kase->patient.objects.looks < LOOKS_TO_TELL;
}

/* Room is left for the last graph, and in front of a look without one for another in between. Where
 * there are too few to tell how fast memory grows one is made if it alone fits. */
static bool is_affordable(const struct patient_case *kase, const struct schedule_step *step,
			  double left)
{
	double graph = cost_of(kase, true), plain = cost_of(kase, false);

	switch (step->need) {
	case STEP_OPTIONAL:
		if (!step->graph && kase->patient.looks < SLOPE_LEAST && plain <= left)
			return true;
		return (step->graph ? graph : plain + graph) + graph <= left;
	case STEP_SPARED:
		return !kase->patient.is_python || (kase->look && 2 * (graph + plain) <= left);
	case STEP_FAREWELL:
		return graph <= left;
	default:
		return true;
	}
}

/* How fast C memory grows is told by where the memory is, for a fraction of what a look costs. */
static bool is_to_be_measured(const struct patient_case *kase, const struct schedule_step *step)
{
	return step->need == STEP_OPTIONAL && !step->graph && kase->patient.is_python &&
	       kase->live.count < SLOPE_LEAST && c_memory_rises(kase);
}

/* A graph is what is dear, of a Python alone; the first one waits where there may not be three. */
static enum chosen_look choose_look(const struct inquiry *inquiry, const struct patient_case *kase,
				    const struct schedule_step *step)
{
	double left = find_left(inquiry, kase);
	enum chosen_look wanted = step->graph ? GRAPH_LOOK : PLAIN_LOOK;

	if (step->need == STEP_FAREWELL && kase->schedule.end_s >= inquiry_until_s(inquiry))
		return NO_LOOK;
	if (has_begun_late(inquiry, kase) && kase->look)
		return wanted;
	if (!is_affordable(kase, step, left))
		return is_to_be_measured(kase, step) ? MEASURE : NO_LOOK;
	if (!kase->patient.is_python)
		return wanted;
	if (!kase->patient.looks &&
	    !allowance_has_first_graph(left, cost_of(kase, true), cost_of(kase, false)))
		return PLAIN_LOOK;
	return step->graph && case_is_still(kase) ? NO_LOOK : wanted;
}

/* The schedule of a master that does nothing waits until it does something. */
enum chosen_look inquiry_choose_look(const struct inquiry *inquiry, struct patient_case *kase)
{
	if (kase->gone)
		return NO_LOOK;
	bool idle = is_idle_master(inquiry, kase);
	if (idle && !kase->patient.looks) {
		schedule_begin(&kase->schedule, SCHEDULE_OF_ALL, now_s(), inquiry_until_s(inquiry));
		return NO_LOOK;
	}
	const struct schedule_step *step = schedule_take(&kase->schedule, now_s());

	return step && !idle ? choose_look(inquiry, kase, step) : NO_LOOK;
}

/* --- workers that come and go --- */

/* When it is likely to end, by how long others have lived. */
static double likely_end_s(const struct inquiry *inquiry, double born_s)
{
	double life_s = crew_life_s(&inquiry->crew), until_s = inquiry_until_s(inquiry);

	if (!(life_s > 0) || now_s() - born_s > OLD_LIVES * life_s)
		return until_s;
	return fmin(fmax(born_s + life_s, now_s()), until_s);
}

void inquiry_move_ends(struct inquiry *inquiry)
{
	for (size_t i = 1; i < inquiry->case_count; i++) {
		struct patient_case *kase = inquiry->cases[i];
		double end_s = likely_end_s(inquiry, kase->born_s);

		if (!kase->gone && fabs(end_s - kase->schedule.end_s) > MOVED_S)
			schedule_move_end(&kase->schedule, end_s, now_s());
	}
}

/* What tells costs, by what looks at others did. The farewell is made where there is more. */
static double cost_of_newcomer(const struct inquiry *inquiry)
{
	double graph = 0, plain = 0;

	for (size_t i = 0; i < inquiry->case_count; i++) {
		graph = fmax(graph, case_look_cost(inquiry->cases[i], true));
		plain = fmax(plain, case_look_cost(inquiry->cases[i], false));
	}
	return 2 * graph + 2 * plain;
}

bool inquiry_takes_up(const struct inquiry *inquiry, const struct member *member)
{
	double end_s = likely_end_s(inquiry, member->born_s), now = now_s();

	if (now - member->born_s > LIFE_SPENT * (end_s - member->born_s) ||
	    (end_s >= inquiry_until_s(inquiry) &&
	     end_s - now < TIME_LEAST * inquiry->options->duration_s))
		return false;
	return has_to_tell(inquiry, NULL) ||
	       cost_of_newcomer(inquiry) <= left_for_newcomer(inquiry, NULL, end_s);
}

void inquiry_plan(struct inquiry *inquiry, struct patient_case *kase, bool newcomer)
{
	kase->newcomer = newcomer;
	schedule_begin(&kase->schedule, newcomer ? SCHEDULE_OF_NEWCOMER : SCHEDULE_OF_ALL,
		       newcomer ? kase->born_s : inquiry->began_s,
		       likely_end_s(inquiry, kase->born_s));
}
