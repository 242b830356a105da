/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The plan of an inquiry, in shares of its time: a look with a graph at once, two without that soon
 * show which containers get longer, another with a graph that names them; then watches on them,
 * three words at a time, while their lengths are read each other second, with looks in between; and
 * a last look at the end. Where looks are dear beside what the process itself uses, those without a
 * graph fall away.
 */
#include "inquiry.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/array.h"
#include "../lib/clock.h"
#include "../lib/message.h"
#include "../evidence/watch_program.h"
#include "../target/family.h"
#include "c_memory.h"
#include "case.h"

#define IDLE_SHARE  0.005 /* of a processor: a master that uses less keeps nothing itself */
#define WATCH_SHARE 0.002 /* for a word */
#define TRACE_SHARE 0.15  /* of the duration, in which malloc's calls are recorded */
#define TRACE_AT    0.55
#define TRACE_COST  0.005 /* of the process's own processor time, for that */
#define GROWN       1.3   /* a look costs more than the last one, of what grows */

/* OPTIONAL looks fall away where they are too dear, SPARED ones where graphs leave no room. */
enum need { NEEDED, SPARED, OPTIONAL };

static const struct {
	double at; /* share of the duration */
	bool graph;
	enum need need;
} plan[] = {
	{0, true, NEEDED},       {0.03, false, SPARED},   {0.07, false, NEEDED},
	{0.125, true, NEEDED},   {0.25, false, OPTIONAL}, {0.4, true, OPTIONAL},
	{0.55, false, OPTIONAL}, {0.7, true, OPTIONAL},   {0.85, false, OPTIONAL},
};

enum {
	PLANNED = sizeof(plan) / sizeof(*plan),
	CASES_MAX = 64,
	CONTAINERS = 24,
	BATCHES = 6,
	POLL_HOT_US = 4000, /* some hundred writes at most, far from the limit of a word */
	POLL_IDLE_US = 50000,
	C_GROWTH_MIN = 100000, /* bytes an hour */
};

struct inquiry {
	const struct procfs *procfs;
	struct confined *confined;
	const struct inquiry_options *options;
	struct patient_case **cases;
	size_t case_count;
	bool of_workers;
	double began_s;
	double cpu_began_s; /* of our own processor time */
	double ended_s;
	struct patient_case *traced; /* whose calls of malloc are being recorded */
	struct c_trace *trace;
	struct watch_programs programs;
	double trace_end_s;
	struct failure lacks; /* why nothing can be watched */
	bool cannot_watch;
	struct answer **answers;
	size_t answer_count;
};

static bool knows(const struct inquiry *inquiry, pid_t pid)
{
	for (size_t i = 0; i < inquiry->case_count; i++)
		if (inquiry->cases[i]->patient.pid == pid && !inquiry->cases[i]->gone)
			return true;
	return false;
}

static struct patient_case *add_case(struct inquiry *inquiry, pid_t pid, struct failure *failure)
{
	struct patient_case *kase = case_new(inquiry->procfs, inquiry->confined, pid,
					     inquiry->options->budget_bytes, failure);

	if (kase && !array_append(&inquiry->cases, &inquiry->case_count, kase)) {
		case_free(kase);
		kase = NULL;
		failure_set(failure, STATUS_FAILURE, "out of memory");
	}
	if (kase)
		kase->programs = &inquiry->programs;
	return kase;
}

/* Where workers come and go all the time, a first look at each of them may be too dear. */
static bool can_afford_first_looks(const struct inquiry *inquiry)
{
	double used = 0, spent = 0, dearest = 0;
	size_t looked_at = 0;

	for (size_t i = 0; i < inquiry->case_count; i++) {
		const struct patient_case *kase = inquiry->cases[i];

		used += case_used_s(kase);
		spent += (double)kase->own_cpu_ns / 1e9;
		dearest = fmax(dearest, kase->look_cost_s[true]);
		looked_at += kase->patient.looks && !kase->gone;
	}
	return !looked_at || spent + dearest <= ALLOWANCE_SHARE * used;
}

/* Those that came since; their first look is due at once. */
static void add_workers(struct inquiry *inquiry, bool look)
{
	const struct objects_request request = {.containers = CONTAINERS,
						.with_keys = inquiry->options->with_keys};
	pid_t *pids;
	size_t count = family_list_workers(inquiry->procfs, inquiry->options->pid, &pids);

	for (size_t i = 0; i < count && inquiry->case_count < CASES_MAX; i++) {
		struct failure failure;
		struct patient_case *kase =
			knows(inquiry, pids[i]) ? NULL : add_case(inquiry, pids[i], &failure);

		if (kase && look && can_afford_first_looks(inquiry))
			case_look(kase, true, &request);
	}
	free(pids);
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
	};
	if (!add_case(inquiry, options->pid, failure)) {
		inquiry_free(inquiry);
		return NULL;
	}
	add_workers(inquiry, false);
	inquiry->of_workers = inquiry->case_count > 1;
	return inquiry;
}

static void end_trace(struct inquiry *inquiry)
{
	if (inquiry->trace)
		c_trace_end(inquiry->trace, inquiry->traced->subjects.pool,
			    &inquiry->traced->c_stacks);
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

/* The master of a server only waits for its workers; that of a pool may collect what they bring. */
static bool is_idle_master(const struct inquiry *inquiry, const struct patient_case *kase)
{
	double life_s = (double)kase->cpu_ticks / (double)sysconf(_SC_CLK_TCK);

	return inquiry->of_workers && kase->patient.pid == inquiry->options->pid &&
	       case_used_s(kase) <= IDLE_SHARE * (clock_s(CLOCK_MONOTONIC) - inquiry->began_s) &&
	       life_s <= IDLE_SHARE * kase->uptime_s;
}

/* One that executed a Python meanwhile has had no looks that count. */
static bool has_begun_late(const struct inquiry *inquiry, const struct patient_case *kase)
{
	return !inquiry->of_workers && kase->patient.is_python &&
	       kase->patient.objects.looks < LOOKS_TO_TELL;
}

/* What hits cost the process counts too. Of what is spent for none in particular, such as the loop
 * that polls, each has a part. */
static struct allowance find_allowance(const struct inquiry *inquiry,
				       const struct patient_case *kase)
{
	double until_s = inquiry->began_s + inquiry->options->duration_s, alive = 0;
	struct allowance allowance = case_allowance(kase, until_s);
	double common = clock_s(CLOCK_PROCESS_CPUTIME_ID) - inquiry->cpu_began_s;

	for (size_t i = 0; i < inquiry->case_count; i++) {
		common -= (double)inquiry->cases[i]->own_cpu_ns / 1e9;
		alive += !inquiry->cases[i]->gone;
	}
	allowance.spent += common / fmax(alive, 1) + case_cost_s(kase);
	return allowance;
}

enum chosen_look { NO_LOOK, PLAIN_LOOK, GRAPH_LOOK };

/* The last one shows what grew, and where it is too dear, at least where the memory is. */
static enum chosen_look choose_last(const struct patient_case *kase, double left, double graph)
{
	if (!kase->patient.looks)
		return NO_LOOK;
	if (!kase->patient.is_python)
		return GRAPH_LOOK;
	return !kase->look || (graph <= left && !case_is_still(kase)) ? GRAPH_LOOK : PLAIN_LOOK;
}

/* A graph is what is dear, of a Python alone; the first one waits where there may not be three.
 * Room is left for the last one, and in front of a look without one for another in between. */
static enum chosen_look choose_look(const struct inquiry *inquiry, const struct patient_case *kase,
				    size_t step)
{
	struct allowance allowance = find_allowance(inquiry, kase);
	double left = allowance_left(&allowance);
	double graph = GROWN * case_look_cost(kase, true), plain = case_look_cost(kase, false);

	if (step == PLANNED)
		return choose_last(kase, left, graph);
	enum chosen_look wanted = plan[step].graph ? GRAPH_LOOK : PLAIN_LOOK;
	if (has_begun_late(inquiry, kase) && kase->look)
		return wanted;
	if (plan[step].need == OPTIONAL &&
	    (plan[step].graph ? graph : plain + graph) + graph > left)
		return NO_LOOK;
	if (!kase->patient.is_python)
		return wanted;
	if (!kase->patient.looks && !allowance_has_first_graph(&allowance, graph, plain))
		return PLAIN_LOOK;
	if (plan[step].need == SPARED && (!kase->look || 2 * (graph + plain) > left))
		return NO_LOOK;
	return plan[step].graph && case_is_still(kase) ? NO_LOOK : wanted;
}

static void look_at_all(struct inquiry *inquiry, size_t step)
{
	const struct objects_request request = {.containers = CONTAINERS,
						.with_keys = inquiry->options->with_keys};

	for (size_t i = 0; i < inquiry->case_count; i++) {
		struct patient_case *kase = inquiry->cases[i];

		if (is_idle_master(inquiry, kase))
			continue;
		enum chosen_look chosen = choose_look(inquiry, kase, step);
		if (chosen != NO_LOOK)
			case_look(kase, chosen == GRAPH_LOOK, &request);
		kase->ends_without_graph =
			step == PLANNED && chosen == PLAIN_LOOK && !case_is_still(kase);
	}
	if (inquiry->of_workers && step < PLANNED)
		add_workers(inquiry, true);
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

/* Goes on to the next words where a watch has told what it will. Returns whether any was hit. */
static bool attend_watches(struct inquiry *inquiry, bool may_begin)
{
	double most_s = fmax(inquiry->options->duration_s * 0.8 / BATCHES, 1);
	bool hot = false;

	for (size_t i = 0; i < inquiry->case_count && !inquiry->cannot_watch; i++) {
		struct patient_case *kase = inquiry->cases[i];

		hot |= case_watch_poll(kase);
		if (!case_watch_is_over(kase, clock_s(CLOCK_MONOTONIC), most_s))
			continue;
		struct failure lacks = {0};

		if (may_begin && kase->patient.is_python && kase->subjects.count)
			case_watch_next(kase, WATCH_SHARE, &lacks);
		else
			case_watch_end(kase);
		note_lack(inquiry, kase, &lacks);
	}
	return hot;
}

/* Where malloc's blocks grow most, if recording is worth it and affordable. */
static void begin_trace(struct inquiry *inquiry)
{
	double duration = inquiry->options->duration_s, most = C_GROWTH_MIN;
	struct failure failure;
	struct rate rate;

	inquiry->traced = NULL;
	for (size_t i = 0; i < inquiry->case_count; i++)
		if (!inquiry->cases[i]->gone && case_c_growth(inquiry->cases[i], &rate) &&
		    rate.value > most) {
			inquiry->traced = inquiry->cases[i];
			most = rate.value;
		}
	if (!inquiry->traced)
		return;
	inquiry->trace =
		c_trace_begin(inquiry->procfs, inquiry->confined, inquiry->traced->patient.pid,
			      100 * TRACE_COST / TRACE_SHARE, &failure);
	inquiry->trace_end_s = clock_s(CLOCK_MONOTONIC) + TRACE_SHARE * duration;
	if (!inquiry->trace)
		inquiry->traced->c_stacks.why =
			pool_strdup(inquiry->traced->subjects.pool, failure.text);
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
}

static void wait_until(struct inquiry *inquiry, double end_s, bool may_watch)
{
	double next_poll = 0;

	while (clock_s(CLOCK_MONOTONIC) < end_s && !is_over(inquiry)) {
		bool hot = attend_watches(inquiry, may_watch);
		attend_trace(inquiry);

		if (clock_s(CLOCK_MONOTONIC) >= next_poll) {
			next_poll = clock_s(CLOCK_MONOTONIC) +
				    fmin(2, inquiry->options->duration_s / 60);
			poll_all(inquiry);
		}
		usleep(hot ? POLL_HOT_US : POLL_IDLE_US);
	}
}

int inquiry_run(struct inquiry *inquiry, struct failure *failure)
{
	double duration = inquiry->options->duration_s;
	size_t looks = 0;

	inquiry->began_s = clock_s(CLOCK_MONOTONIC);
	inquiry->cpu_began_s = clock_s(CLOCK_PROCESS_CPUTIME_ID);
	poll_all(inquiry);
	for (size_t step = 0; step < PLANNED && !is_over(inquiry); step++) {
		wait_until(inquiry, inquiry->began_s + plan[step].at * duration, step > 3);
		look_at_all(inquiry, step);
		if (plan[step].at == TRACE_AT && !is_over(inquiry))
			begin_trace(inquiry);
	}
	wait_until(inquiry, inquiry->began_s + duration, true);
	for (size_t i = 0; i < inquiry->case_count; i++)
		case_watch_end(inquiry->cases[i]);
	end_trace(inquiry);
	look_at_all(inquiry, PLANNED);
	if (inquiry->of_workers)
		add_workers(inquiry, false);
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

static struct answer *add_answer(struct inquiry *inquiry, struct patient_case *kase)
{
	struct answer *answer = case_answer(kase, inquiry->ended_s - inquiry->began_s);

	if (array_append(&inquiry->answers, &inquiry->answer_count, answer))
		return answer;
	answer_free(answer);
	return NULL;
}

static bool is_worker(const struct inquiry *inquiry, const struct patient_case *kase)
{
	return !inquiry->of_workers || kase->patient.pid != inquiry->options->pid;
}

/* How long the process that was asked about has been up: its workers may be younger. */
static double uptime(const struct inquiry *inquiry, double otherwise)
{
	double most = otherwise;

	for (size_t i = 0; i < inquiry->case_count; i++)
		most = fmax(most, inquiry->cases[i]->uptime_s);
	return most;
}

/* All of our own processor time, and what watches took of theirs. */
static void set_cost(const struct inquiry *inquiry, struct answer *answer)
{
	double used = 0, cost = clock_s(CLOCK_PROCESS_CPUTIME_ID) - inquiry->cpu_began_s;

	for (size_t i = 0; i < inquiry->case_count; i++) {
		used += case_used_s(inquiry->cases[i]);
		cost += case_cost_s(inquiry->cases[i]);
	}
	used = fmax(used, 1.0 / (double)sysconf(_SC_CLK_TCK)); /* it is told in such parts */
	answer->cost_percent = 100 * cost / used;
	answer->core_percent = 100 * cost / fmax(inquiry->ended_s - inquiry->began_s, 1e-3);
}

static size_t count_alive(const struct inquiry *inquiry)
{
	size_t alive = 0;

	for (size_t i = 0; i < inquiry->case_count; i++)
		alive += !inquiry->cases[i]->gone && is_worker(inquiry, inquiry->cases[i]);
	return alive;
}

/* Memory of workers that are gone is free again, where others are there. */
static void add_answers(struct inquiry *inquiry, bool any_alive)
{
	for (size_t i = 0; i < inquiry->case_count; i++) {
		struct patient_case *kase = inquiry->cases[i];
		struct answer *answer = kase->patient.looks ? add_answer(inquiry, kase) : NULL;

		if (answer && any_alive && kase->gone)
			answer->resident_bytes = 0;
	}
}

/* Of those that nobody looked at, for they came a moment ago, or only wait. */
static uint64_t other_bytes(const struct inquiry *inquiry)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < inquiry->case_count; i++)
		if (!inquiry->cases[i]->gone && !inquiry->cases[i]->patient.looks)
			bytes += case_resident(inquiry->cases[i]);
	return bytes;
}

struct answer *inquiry_answer(struct inquiry *inquiry)
{
	struct answer *answer;
	size_t alive = count_alive(inquiry);

	add_answers(inquiry, alive > 0);
	if (!inquiry->answer_count)
		return NULL;
	answer = answer_merge((const struct answer *const *)inquiry->answers, inquiry->answer_count,
			      inquiry->options->pid);
	answer->comm = inquiry->cases[0]->patient.status.comm;
	answer->exe = inquiry->answers[0]->exe;
	if (alive)
		answer->process_count = alive;
	answer->resident_bytes += other_bytes(inquiry);
	answer->uptime_s = uptime(inquiry, answer->uptime_s);
	set_cost(inquiry, answer);
	answer->watched_s = inquiry->ended_s - inquiry->began_s;
	if (*inquiry->lacks.text)
		answer->lacks = pool_strdup(answer->pool, inquiry->lacks.text);
	return answer;
}
