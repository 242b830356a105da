/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loop of an inquiry: looks when they are due; between them the lengths of what grows are read,
 * each other second, and words of it watched, three at a time; who came and who went.
 */
#include "inquiry_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/array.h"
#include "../lib/clock.h"
#include "../plan/share.h"

#define WATCH_SHARE  0.002 /* for a word */
#define TRACE_COST   0.005 /* of its time a process may lose while malloc's calls are recorded: */
#define TRACE_MOST   0.35  /* for so much of the duration where they cost little, */
#define TRACE_LEAST  0.15  /* and not for less, */
#define LEAST_S      1.0   /* or, in a long one, than this */
#define TRACE_AT     0.55
#define TRACE_OPEN_S 0.6 /* of processor time: to load programs, count calls, and find names */

enum {
	CASES_MAX = 64,
	BATCHES = 6,
	CONTAINERS = 24,
	CACHES = 16,
	POLL_HITS = 16, /* between two polls, far from the limit of a word, if they go on alike */
	POLL_LEAST_NS = 4000000,
	POLL_MOST_NS = 50000000,
	C_GROWTH_MIN = 100000, /* bytes an hour */
};

double inquiry_until_s(const struct inquiry *inquiry)
{
	return inquiry->began_s + inquiry->options->duration_s;
}

/* Short lives are to be seen as often as long ones. */
static double poll_pause_s(const struct inquiry *inquiry)
{
	double pause_s = fmin(2, inquiry->options->duration_s / 60);
	double life_s = crew_life_s(&inquiry->crew);

	return life_s > 0 ? fmin(pause_s, fmax(life_s / 20, 0.2)) : pause_s;
}

double inquiry_used_s(const struct inquiry *inquiry)
{
	double used = case_used_s(inquiry->cases[0]);

	return inquiry->of_workers ? used + crew_used_s(&inquiry->crew) : used;
}

double inquiry_spent_s(const struct inquiry *inquiry)
{
	double spent = clock_s(CLOCK_PROCESS_CPUTIME_ID) - inquiry->cpu_began_s;

	for (size_t i = 0; i < inquiry->case_count; i++)
		spent += case_cost_s(inquiry->cases[i]);
	return spent;
}

static struct patient_case *add_case(struct inquiry *inquiry, pid_t pid, bool newcomer,
				     struct failure *failure)
{
	struct patient_case *kase = case_new(inquiry->procfs, inquiry->confined, pid,
					     inquiry->options->budget_bytes, failure);

	if (kase && !array_append(&inquiry->cases, &inquiry->case_count, kase)) {
		case_free(kase);
		kase = NULL;
		failure_set(failure, STATUS_FAILURE, "out of memory");
	}
	if (!kase)
		return NULL;
	kase->loop = inquiry->options->loop;
	kase->listener = inquiry->options->listener;
	kase->programs = &inquiry->programs;
	kase->claims = &inquiry->claims;
	inquiry_plan(inquiry, kase, newcomer);
	return kase;
}

/* Those that are there at first, all of them; of those that came since, some. */
static void add_workers(struct inquiry *inquiry, bool newcomers)
{
	struct crew *crew = &inquiry->crew;
	struct failure failure;

	for (size_t i = 0; i < crew->count && inquiry->case_count < CASES_MAX; i++) {
		struct member *member = &crew->members[i];

		if (member->taken || (newcomers && !inquiry_takes_up(inquiry, member)))
			continue;
		member->taken = true;
		add_case(inquiry, member->pid, newcomers, &failure);
	}
}

struct inquiry *inquiry_new(const struct procfs *procfs, struct confined *confined,
			    const struct inquiry_options *options, struct failure *failure)
{
	struct inquiry *inquiry = calloc(1, sizeof(*inquiry));

	if (!inquiry) {
		failure_set(failure, STATUS_FAILURE, "out of memory");
		return NULL;
	}
	*inquiry = (struct inquiry){
		.procfs = procfs,
		.confined = confined,
		.options = options,
		.began_s = clock_s(CLOCK_MONOTONIC),
	};
	if (!add_case(inquiry, options->pid, false, failure)) {
		inquiry_free(inquiry);
		return NULL;
	}
	crew_init(&inquiry->crew, procfs, options->pid, inquiry->began_s);
	crew_poll(&inquiry->crew, inquiry->began_s, 0);
	add_workers(inquiry, false);
	inquiry->of_workers = inquiry->case_count > 1;
	return inquiry;
}

static void end_trace(struct inquiry *inquiry)
{
	struct patient_case *kase = inquiry->traced;

	if (!inquiry->trace)
		return;
	struct c_trace_subject subject = {
		.is_python = kase->patient.is_python,
		.sizes = kase->other_malloc ? NULL : &kase->sizes,
	};

	case_c_growth(kase, &subject.growth);
	c_trace_end(inquiry->trace, &subject, kase->subjects.zone, &kase->c_stacks);
	inquiry->trace = NULL;
}

void inquiry_free(struct inquiry *inquiry)
{
	if (!inquiry)
		return;
	end_trace(inquiry);
	for (size_t i = 0; i < inquiry->answer_count; i++)
		answer_free(inquiry->answers[i]);
	free(inquiry->answers);
	for (size_t i = 0; i < inquiry->case_count; i++)
		case_free(inquiry->cases[i]);
	watch_programs_release(&inquiry->programs);
	open_claims_release(&inquiry->claims);
	crew_release(&inquiry->crew);
	free(inquiry->cases);
	free(inquiry);
}

static bool is_over(const struct inquiry *inquiry)
{
	size_t alive = 0;

	for (size_t i = 0; i < inquiry->case_count; i++)
		alive += !inquiry->cases[i]->gone;
	return *inquiry->options->interrupted || !alive;
}

/* What keeps one process from being watched, a debugger for one, keeps no other one. */
static void note_lack(struct inquiry *inquiry, const struct patient_case *kase,
		      const struct failure *lacks)
{
	struct process_status status;

	if (!*lacks->text)
		return;
	if (lacks->status == STATUS_KERNEL)
		inquiry->cannot_watch = true;
	else if (procfs_read_status(inquiry->procfs, kase->patient.pid, &status) || status.zombie)
		return;
	inquiry->lacks = *lacks;
}

/* Goes on to the next words where a watch has told what it will. Returns how often any was hit. */
static uint64_t attend_watches(struct inquiry *inquiry)
{
	uint64_t hits = 0;

	for (size_t i = 0; i < inquiry->case_count && !inquiry->cannot_watch; i++) {
		struct patient_case *kase = inquiry->cases[i];
		double most_s =
			fmax((kase->schedule.end_s - kase->schedule.began_s) * 0.8 / BATCHES, 1);

		hits += case_watch_poll(kase);
		if (!case_watch_is_over(kase, clock_s(CLOCK_MONOTONIC), most_s))
			continue;
		struct failure lacks = {0};

		if (schedule_has_told(&kase->schedule) && kase->patient.is_python &&
		    kase->subjects.count)
			case_watch_next(kase, inquiry->cases, inquiry->case_count, WATCH_SHARE,
					&lacks);
		else
			case_watch_end(kase);
		note_lack(inquiry, kase, &lacks);
	}
	return hits;
}

/* Where growth shows in sizes of blocks alone, only what is left is spent on it. */
static bool is_affordable(const struct inquiry *inquiry, const struct patient_case *kase,
			  const struct c_growth *growth)
{
	return !growth->size_count ||
	       inquiry_left_s(inquiry, kase) - case_look_cost(kase, true) >= TRACE_OPEN_S;
}

/* What would cost more could only be recorded for so short that it tells nothing. */
static double slowdown_max_percent(double duration_s)
{
	double least_s = fmin(LEAST_S, TRACE_LEAST * duration_s);

	return fmin(SHARE_PERCENT, 100 * TRACE_COST * duration_s / least_s);
}

/* For how long, so that it costs no more than it may. */
static double trace_s(double duration_s, double slowdown_percent)
{
	return duration_s * fmin(TRACE_MOST, TRACE_COST * 100 / fmax(slowdown_percent, 0.1));
}

/* Where malloc's blocks grow most, if recording is worth it and affordable. */
static void begin_trace(struct inquiry *inquiry)
{
	double duration = inquiry->options->duration_s, most = C_GROWTH_MIN;
	struct failure failure;
	struct c_growth growth;

	inquiry->trace_tried = true;
	for (size_t i = 0; i < inquiry->case_count; i++) {
		struct patient_case *kase = inquiry->cases[i];

		if (kase->gone || !case_c_growth(kase, &growth) || growth.rate.value <= most ||
		    !is_affordable(inquiry, kase, &growth))
			continue;
		inquiry->traced = kase;
		most = growth.rate.value;
	}
	if (!inquiry->traced)
		return;
	const struct c_trace_config config = {
		.procfs = inquiry->procfs,
		.confined = inquiry->confined,
		.loop = inquiry->options->loop,
		.listener = inquiry->options->listener,
		.pid = inquiry->traced->patient.pid,
		.slowdown_max_percent = slowdown_max_percent(duration),
	};

	struct c_stacks *stacks = &inquiry->traced->c_stacks;

	inquiry->trace = c_trace_begin(&config, &stacks->slowdown_percent, &failure);
	if (inquiry->trace) {
		inquiry->trace_end_s = clock_s(CLOCK_MONOTONIC) +
				       trace_s(duration, c_trace_slowdown_percent(inquiry->trace));
		return;
	}
	stacks->why = zone_strdup(inquiry->traced->subjects.zone, failure.text);
	stacks->impossible = failure.status == STATUS_KERNEL;
}

static void attend_trace(struct inquiry *inquiry)
{
	if (!inquiry->trace)
		return;
	c_trace_poll(inquiry->trace);
	if (clock_s(CLOCK_MONOTONIC) >= inquiry->trace_end_s)
		end_trace(inquiry);
}

static void poll_all(struct inquiry *inquiry)
{
	for (size_t i = 0; i < inquiry->case_count; i++)
		case_poll(inquiry->cases[i], clock_s(CLOCK_MONOTONIC));
	if (!inquiry->of_workers)
		return;
	crew_poll(&inquiry->crew, clock_s(CLOCK_MONOTONIC), poll_pause_s(inquiry));
	inquiry_move_ends(inquiry);
	add_workers(inquiry, true);
}

static void look(const struct inquiry *inquiry, struct patient_case *kase, enum chosen_look chosen)
{
	const struct objects_request request = {.containers = CONTAINERS,
						.caches = CACHES,
						.with_keys = inquiry->options->with_keys};

	if (chosen == MEASURE)
		case_measure(kase);
	else if (chosen != NO_LOOK)
		case_look(kase, chosen == GRAPH_LOOK, &request);
}

static void look_where_due(struct inquiry *inquiry)
{
	for (size_t i = 0; i < inquiry->case_count; i++)
		look(inquiry, inquiry->cases[i], inquiry_choose_look(inquiry, inquiry->cases[i]));
}

static void look_last(struct inquiry *inquiry)
{
	for (size_t i = 0; i < inquiry->case_count; i++) {
		struct patient_case *kase = inquiry->cases[i];
		enum chosen_look chosen = inquiry_choose_last(inquiry, kase);

		look(inquiry, kase, chosen);
		case_end_open_files(kase);
		kase->ends_without_graph =
			(chosen == PLAIN_LOOK || chosen == MEASURE) && !case_is_still(kase);
	}
}

static uint64_t pause_after(uint64_t hits, uint64_t paused_ns)
{
	uint64_t pause_ns = hits ? paused_ns * POLL_HITS / hits : POLL_MOST_NS;

	return pause_ns < POLL_LEAST_NS  ? POLL_LEAST_NS
	       : pause_ns > POLL_MOST_NS ? POLL_MOST_NS
					 : pause_ns;
}

static void ask(struct inquiry *inquiry)
{
	double end_s = inquiry_until_s(inquiry), next_poll_s = 0;
	uint64_t pause_ns = POLL_LEAST_NS;
	double trace_s = inquiry->began_s + TRACE_AT * inquiry->options->duration_s;

	while (clock_s(CLOCK_MONOTONIC) < end_s && !is_over(inquiry)) {
		uint64_t hits = attend_watches(inquiry);
		attend_trace(inquiry);

		if (clock_s(CLOCK_MONOTONIC) >= next_poll_s) {
			next_poll_s = clock_s(CLOCK_MONOTONIC) + poll_pause_s(inquiry);
			poll_all(inquiry);
		}
		look_where_due(inquiry);
		if (clock_s(CLOCK_MONOTONIC) >= trace_s && !inquiry->trace_tried)
			begin_trace(inquiry);
		pause_ns = pause_after(hits, pause_ns);
		loop_rest(inquiry->options->loop, clock_ns(CLOCK_MONOTONIC) + pause_ns);
	}
}

int inquiry_run(struct inquiry *inquiry, struct failure *failure)
{
	size_t looks = 0;

	inquiry->began_s = clock_s(CLOCK_MONOTONIC);
	inquiry->cpu_began_s = clock_s(CLOCK_PROCESS_CPUTIME_ID);
	for (size_t i = 0; i < inquiry->case_count; i++)
		inquiry_plan(inquiry, inquiry->cases[i], false);
	ask(inquiry);
	for (size_t i = 0; i < inquiry->case_count; i++)
		case_watch_end(inquiry->cases[i]);
	end_trace(inquiry);
	look_last(inquiry);
	inquiry->ended_s = clock_s(CLOCK_MONOTONIC);
	poll_all(inquiry);
	for (size_t i = 0; i < inquiry->case_count; i++)
		looks += inquiry->cases[i]->patient.looks;
	if (looks)
		return 0;
	if (inquiry->cases[0]->failure.status == STATUS_FAILURE) {
		*failure = inquiry->cases[0]->failure;
		return -1;
	}
	return failure_set(failure, STATUS_TARGET, "process %d ended before it could be looked at",
			   (int)inquiry->options->pid);
}
