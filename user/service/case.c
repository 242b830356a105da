/* SPDX-License-Identifier: BSD-2-Clause */
#include "case.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../lib/clock.h"
#include "../look/growth.h"
#include "../python/objects/live.h"
#include "c_memory.h"
#include "lost.h"

#define NS_PER_S      1e9
#define HOUR_S        3600.0
#define C_SHARE_LEAST 0.1 /* of the growth: less is within what the findings may be off */

/* A container that surely grows by less, an hour, and holds less, is not worth a line. */
#define TRIVIAL_RATE  20e3
#define TRIVIAL_BYTES 100000
#define COUNT_SHARE   0.2 /* of what is allowed */

enum { COUNT_EACH_S = 3, COUNTS_LEAST = 12 };

struct patient_case *case_new(const struct procfs *procfs, struct confined *confined, pid_t pid,
			      uint64_t budget_bytes, struct failure *failure)
{
	struct patient_case *kase = calloc(1, sizeof(*kase));

	if (!kase) {
		failure_set(failure, STATUS_FAILURE, "out of memory");
		return NULL;
	}
	if (patient_open(&kase->patient, procfs, confined, pid, budget_bytes, failure)) {
		free(kase);
		return NULL;
	}
	subjects_init(&kase->subjects);
	kase->began_s = kase->seen_s = clock_s(CLOCK_MONOTONIC);
	kase->cpu_ticks = kase->patient.status.cpu_ticks;
	kase->uptime_s = procfs_age_s(&kase->patient.status);
	kase->born_s = kase->began_s - kase->uptime_s;
	kase->life_share = procfs_seconds(kase->cpu_ticks) / fmax(kase->uptime_s, 1);
	return kase;
}

void case_free(struct patient_case *kase)
{
	if (!kase)
		return;
	watch_close(kase->watch);
	subjects_release(&kase->subjects);
	look_free(kase->look);
	look_free(kase->memory);
	patient_close(&kase->patient);
	free(kase);
}

/* A short life is to be told by as many samples as any. */
static double count_each_s(const struct patient_case *kase)
{
	return fmin(COUNT_EACH_S, (kase->schedule.end_s - kase->schedule.began_s) / COUNTS_LEAST);
}

/* Two samples at almost one time make a slope out of nothing: a look takes the place of a count. */
static void leave_out_recent(struct patient_case *kase, double at_s)
{
	struct series *objects = &kase->objects;

	if (kase->counted &&
	    at_s - objects->items[objects->count - 1].at_s < count_each_s(kase) / 2)
		objects->count--;
	kase->counted = false;
	kase->counted_s = at_s;
}

static void add_parts(struct patient_case *kase, const struct look *look, bool graph)
{
	double at_s = clock_s(CLOCK_MONOTONIC);
	struct objects *python = kase->patient.is_python ? &kase->patient.objects : NULL;

	if (!look->parts_known)
		return;
	double live = (double)look_live_bytes(look);
	double objects = (double)look->parts[PART_PYTHON_LIVE].bytes;

	leave_out_recent(kase, at_s);
	series_add(&kase->live, at_s, live);
	series_add(&kase->objects, at_s, objects);
	series_add(&kase->others, at_s, live - objects);
	for (int i = 0; i < PART_COUNT; i++)
		series_add(&kase->parts[i], at_s, (double)look->parts[i].bytes);
	if (!python || python->pools.absent)
		return;
	series_add(&kase->beside, at_s, (double)python->beside_bytes);
	if (graph && python->has_graph)
		series_add(&kase->outside, at_s, (double)objects_outside_bytes(python));
}

/* What holds what is as of an older look, and where the memory is as of this one. */
static void renew_memory(struct look *look, const struct look *now)
{
	memcpy(look->parts, now->parts, sizeof(look->parts));
	look->resident_bytes = now->resident_bytes;
	look->swapped_bytes = now->swapped_bytes;
	look->proportional_bytes = now->proportional_bytes;
	look->huge_bytes = now->huge_bytes;
	look->limit_bytes = now->limit_bytes;
	look->malloc = now->malloc;
	look->chunks = now->chunks;
	look->chunk_class_count = now->chunk_class_count;
	look->mappings = now->mappings;
	look->mapping_count = now->mapping_count;
	look->malloc_problem = now->malloc_problem;
}

static void take_graph(struct patient_case *kase, struct look *look)
{
	look_free(kase->memory);
	kase->memory = NULL;
	look_free(kase->look);
	kase->look = look;
	kase->graph.live = look->parts_known ? (double)look_live_bytes(look) : 0;
	kase->graph.counted = kase->graph.resident = kase->last_count = 0;
	kase->graph.looks = kase->patient.looks;
}

/* Whether it is still there; what ends has no memory already before it is a zombie. */
static bool is_there(const struct patient_case *kase, struct process_status *status)
{
	return !procfs_read_status(kase->patient.procfs, kase->patient.pid, status) &&
	       status->start_time == kase->patient.status.start_time && !status->zombie &&
	       status->resident_bytes;
}

static void end_case(struct patient_case *kase)
{
	kase->gone = true;
	case_watch_end(kase);
	subjects_end(&kase->subjects);
	patient_forget(&kase->patient);
}

static void report(struct patient_case *kase, bool graph, const struct objects_request *request)
{
	struct look *look = patient_report(&kase->patient, graph ? request : NULL);
	struct process_status status;

	if (!is_there(kase, &status)) {
		look_free(look);
		end_case(kase);
		return;
	}
	add_parts(kase, look, graph);
	if (graph) {
		take_graph(kase, look);
	} else if (kase->look && look->parts_known) {
		renew_memory(kase->look, look);
		look_free(kase->memory);
		kase->memory = look;
	} else {
		look_free(look);
	}
}

/* What was there before is another program's. */
static void begin_anew(struct patient_case *kase)
{
	kase->live.count = kase->objects.count = kase->others.count = kase->resident.count = 0;
	kase->beside.count = kase->outside.count = 0;
	for (int i = 0; i < PART_COUNT; i++)
		kase->parts[i].count = 0;
	kase->counted = false;
}

static void take_up_subjects(struct patient_case *kase, bool graph)
{
	const struct patient *patient = &kase->patient;

	if (patient->is_python && graph && patient->objects.looks >= LOOKS_TO_TELL) {
		subjects_update(&kase->subjects, &kase->patient);
		kase->told = true;
	}
	if (patient->is_python)
		lost_update(&kase->subjects, &kase->patient.objects, kase->listener);
	kase->told |= !patient->is_python && patient->looks >= LOOKS_TO_TELL;
}

void case_look(struct patient_case *kase, bool graph, const struct objects_request *request)
{
	uint64_t began = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	bool was_python = kase->patient.is_python;
	struct process_status status;
	struct failure failure = {0};

	if (kase->gone)
		return;
	/* what ended meanwhile was read in part, or when it was cleared already */
	if (patient_look(&kase->patient, graph, &failure) || !is_there(kase, &status)) {
		end_case(kase);
		kase->failure = failure;
		return;
	}
	if (kase->patient.is_python && !was_python)
		begin_anew(kase);
	take_up_subjects(kase, graph);
	report(kase, graph, request);
	uint64_t took = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - began;
	kase->own_cpu_ns += took;
	kase->look_cost_s[graph] = (double)took / NS_PER_S;
	event_tell(kase->listener,
		   &(struct event){.kind = graph ? EVENT_LOOKED_WITH_GRAPH : EVENT_LOOKED,
				   .pid = (int)kase->patient.pid,
				   .seconds = kase->look_cost_s[graph]});
}

static void count_live(struct patient_case *kase, double now)
{
	uint64_t began = clock_ns(CLOCK_PROCESS_CPUTIME_ID), bytes;
	struct allowance allowance = case_allowance(kase, now);
	double pause_s = kase->count_cost_s / (COUNT_SHARE * allowance_share(&allowance));

	/* what a newcomer may cost was weighed when it was taken up: counts are a part of a look */
	if (kase->newcomer && COUNTS_LEAST * kase->count_cost_s < kase->look_cost_s[true])
		pause_s = 0;
	if (!kase->patient.is_python || !kase->others.count ||
	    now - kase->counted_s < fmax(pause_s, count_each_s(kase)) ||
	    objects_live_bytes(&kase->patient.objects, &bytes))
		return;
	series_add(&kase->objects, now, (double)bytes);
	kase->last_count = (double)bytes;
	if (!(kase->graph.counted > 0))
		kase->graph.counted = kase->last_count;
	kase->counted_s = now;
	kase->counted = true;
	began = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - began;
	kase->count_cost_s = (double)began / NS_PER_S;
	kase->own_cpu_ns += began;
}

void case_poll(struct patient_case *kase, double now)
{
	struct memory memory = process_memory(kase->patient.pid);
	struct process_status status;

	if (kase->gone)
		return;
	if (!is_there(kase, &status)) {
		end_case(kase);
		return;
	}
	kase->cpu_ticks = status.cpu_ticks;
	kase->seen_s = now;
	kase->uptime_s = procfs_age_s(&status);
	series_add(&kase->resident, now, (double)status.resident_bytes);
	if (!(kase->graph.resident > 0))
		kase->graph.resident = (double)status.resident_bytes;
	subjects_poll(&kase->subjects, &memory, now);
	count_live(kase, now);
}

/* --- watches --- */

static double weight_of(const struct subject *subject)
{
	if (subject->sample_count < 2)
		return (double)subject->container.bytes;
	return ((double)subject->samples[subject->sample_count - 1].length -
		(double)subject->samples[0].length) *
	       subject->bytes_per_entry;
}

/* Other processes of the same program, one of which may have told who fills what. */
struct others {
	struct patient_case *const *cases;
	size_t count;
};

static bool is_told_by(const struct others *others, const struct subject *subject)
{
	for (size_t i = 0; i < others->count && subject->key; i++) {
		const struct subjects *subjects = &others->cases[i]->subjects;

		for (size_t j = 0; j < subjects->count; j++)
			if (subjects->items[j].fills.grow_count && subjects->items[j].key &&
			    !strcmp(subjects->items[j].key, subject->key))
				return true;
	}
	return false;
}

static bool comes_before(const struct subject *a, const struct subject *b,
			 const struct others *others)
{
	bool told_a = is_told_by(others, a), told_b = is_told_by(others, b);

	if (told_a != told_b)
		return told_b;
	return a->watches != b->watches ? a->watches < b->watches : weight_of(a) > weight_of(b);
}

/*
 * The subject whose growth weighs most of those that were watched least often. One that showed who
 * fills it needs no more watching; one that did not is watched again, as it may grow seldom.
 */
static struct subject *next_subject(struct patient_case *kase, const struct others *others,
				    const bool *taken)
{
	struct subject *best = NULL;

	for (size_t i = 0; i < kase->subjects.count; i++) {
		struct subject *subject = &kase->subjects.items[i];

		if (taken[i] || subject->fills.grow_count || subject->gone || subject->weak ||
		    !subject->word_count)
			continue;
		if (!best || comes_before(subject, best, others))
			best = subject;
	}
	return best;
}

static size_t choose_words(struct patient_case *kase, const struct others *others,
			   struct watch_word *words)
{
	bool taken[SUBJECTS_MAX] = {false};
	struct subject *subject;

	kase->watched_count = 0;
	while (kase->watched_count < SUBJECT_WORDS &&
	       (subject = next_subject(kase, others, taken))) {
		size_t index = (size_t)(subject - kase->subjects.items);

		taken[index] = true;
		for (size_t i = 0; i < subject->word_count && kase->watched_count < SUBJECT_WORDS;
		     i++) {
			words[kase->watched_count] = (struct watch_word){
				.address = subject->words[i].address,
				.kind = watch_kind_of(subject->words[i].kind),
			};
			kase->watched[kase->watched_count++] =
				(struct watched_word){index, subject->words[i].kind};
		}
	}
	return kase->watched_count;
}

bool case_watch_next(struct patient_case *kase, struct patient_case *const *others, size_t count,
		     double cost_share, struct failure *lacks)
{
	const struct others all = {others, count};
	struct watch_config config = {
		.procfs = kase->patient.procfs,
		.confined = kase->patient.confined,
		.python = &kase->patient.interpreter,
		.loop = kase->loop,
		.programs = kase->programs,
	};

	case_watch_end(kase);
	config.word_count = kase->gone ? 0 : choose_words(kase, &all, config.words);
	if (!config.word_count)
		return false;
	config.limits.cost_ns = (uint64_t)(fmax(case_used_s(kase), 1) * cost_share * NS_PER_S);
	kase->watch = watch_open(kase->patient.pid, &config, lacks);
	kase->watch_began_s = clock_s(CLOCK_MONOTONIC);
	kase->watch_round = 0;
	for (size_t i = 0; i < kase->watched_count; i++) {
		struct subject *subject = &kase->subjects.items[kase->watched[i].subject];

		if (++subject->watches > kase->watch_round)
			kase->watch_round = subject->watches;
	}
	return kase->watch;
}

bool case_watch_poll(struct patient_case *kase)
{
	return kase->watch && watch_poll(kase->watch);
}

bool case_watch_is_over(const struct patient_case *kase, double now, double most_s)
{
	return !kase->watch || kase->gone || !watch_armed(kase->watch) ||
	       now - kase->watch_began_s >= most_s * kase->watch_round;
}

static void take_result(struct patient_case *kase, size_t word, double *watched_s)
{
	const struct watched_word *watched = &kase->watched[word];
	struct subject *subject = &kase->subjects.items[watched->subject];
	struct watch_result result;

	if (watch_result(kase->watch, word, &result))
		return;
	event_tell(kase->listener,
		   &(struct event){
			   .kind = EVENT_WATCHED,
			   .pid = (int)kase->patient.pid,
			   .name = subject->key,
			   .count = result.hits,
			   .seconds = result.watched_s,
			   .each_us = result.hits ? result.cost_s / (double)result.hits * 1e6 : 0,
		   });
	if (subject_take_result(&kase->subjects, subject, watched->kind, &result))
		watched_s[watched->subject] = fmax(watched_s[watched->subject], result.watched_s);
	watch_result_release(&result);
}

void case_watch_end(struct patient_case *kase)
{
	double watched_s[SUBJECTS_MAX] = {0};

	if (!kase->watch)
		return;
	watch_stop_all(kase->watch);
	for (size_t i = 0; i < kase->watched_count; i++)
		take_result(kase, i, watched_s);
	for (size_t i = 0; i < kase->subjects.count; i++)
		kase->subjects.items[i].watched_s += watched_s[i];
	watch_close(kase->watch);
	kase->watch = NULL;
}

/* --- what was found out --- */

uint64_t case_resident(const struct patient_case *kase)
{
	const struct series *resident = &kase->resident;

	return resident->count ? (uint64_t)resident->items[resident->count - 1].value : 0;
}

/* At most what the findings leave unexplained of the growth, where that is known. */
static bool is_unexplained(const struct answer *answer, const struct finding *findings,
			   size_t count, struct rate *rate)
{
	double left = answer->growth.value;

	for (size_t i = 0; i < count; i++)
		left -= finding_explains_growth(&findings[i]) ? findings[i].rate.value : 0;
	if (!answer->growth_known || rate->value <= left)
		return true;
	rate->high = fmin(rate->high, left);
	rate->low = fmin(rate->low, left);
	rate->value = left;
	return left > C_SHARE_LEAST * answer->growth.value;
}

/* What malloc's live blocks grow by beyond what is explained. */
static bool find_c_memory(const struct patient_case *kase, const struct answer *answer,
			  struct finding *findings, size_t count)
{
	struct pool *pool = answer->pool;
	const struct c_stacks *stacks = &kase->c_stacks;
	struct finding *finding = &findings[count];
	char reason[256];
	struct rate rate;

	if (!c_memory_rate(kase, findings, count, &rate) ||
	    (!c_memory_is_measured(kase) && !is_unexplained(answer, findings, count, &rate)))
		return false;
	if (stacks->seconds > 0)
		snprintf(reason, sizeof(reason),
			 "%llu blocks of %.1f kB in all were made in %.0f s and not freed",
			 (unsigned long long)stacks->blocks, (double)stacks->bytes / 1e3,
			 stacks->seconds);
	else
		snprintf(reason, sizeof(reason),
			 "live blocks of malloc that no container explains; stack not watched%s%s",
			 stacks->why ? ": " : "", stacks->why ? stacks->why : "");
	*finding = (struct finding){
		.verdict = VERDICT_GROWS,
		.rate = rate,
		.subject = "C memory",
		.fills = stacks->fills,
		.fill_count = stacks->count,
		.evidence = EVIDENCE_MEMORY | (stacks->seconds > 0 ? EVIDENCE_PROBES : 0),
		.reason = pool_strdup(pool, reason),
	};
	return true;
}

bool case_c_growth(struct patient_case *kase, struct rate *rate)
{
	struct pool *pool = pool_new();
	struct finding *findings = pool_alloc(pool, SUBJECTS_MAX, sizeof(*findings));
	size_t count = 0;

	for (size_t i = 0; i < kase->subjects.count; i++)
		count += subject_finding(&kase->subjects.items[i], kase->uptime_s, pool,
					 &findings[count]);
	bool grows = c_memory_rate(kase, findings, count, rate);
	pool_free(pool);
	return grows;
}

bool case_grows_by_c(struct patient_case *kase)
{
	struct slope live;
	struct rate rate;

	return case_c_growth(kase, &rate) &&
	       slope_of_level(kase->live.items, kase->live.count, &live) &&
	       rate.value >= live.per_s * HOUR_S / 2;
}

static bool is_trivial(const struct finding *finding)
{
	return finding->holds_bytes < TRIVIAL_BYTES &&
	       (!finding_explains_growth(finding) || finding->rate.high < TRIVIAL_RATE);
}

static size_t find_all(struct patient_case *kase, struct answer *answer, struct finding *findings)
{
	size_t count = 0;

	for (size_t i = 0; i < kase->subjects.count; i++)
		count += subject_finding(&kase->subjects.items[i], kase->uptime_s, answer->pool,
					 &findings[count]) &&
			 !is_trivial(&findings[count]);
	for (size_t i = 0; i < PART_COUNT; i++)
		count += verdict_of_part(i, kase->parts[i].items, kase->parts[i].count,
					 answer->pool, &findings[count]);
	count += find_c_memory(kase, answer, findings, count);
	return count;
}

/* Objects are counted more often than all else that is in use. */
static void sum_live(const struct patient_case *kase, struct series *live)
{
	*live = kase->live;
	if (!kase->patient.is_python || !kase->others.count)
		return;
	*live = kase->objects;
	for (size_t i = 0; i < live->count; i++)
		live->items[i].value += series_at(&kase->others, live->items[i].at_s);
}

/* Runtimes with a heap of their own (V8, Go, the JVM, PHP) map it themselves: a sentence that says
 * so where at least half of the growth is in such mappings. */
static const char *guess_unexplained(const struct patient_case *kase, const struct answer *answer)
{
	const struct series *anonymous = &kase->parts[PART_ANONYMOUS];
	const struct look *look = kase->look;
	struct slope slope;
	static const char started[] = "in no container and from no line that was seen; a worker "
				      "that has just started takes in more than what it leaks";
	char text[200];

	if (!look || !slope_of_level(anonymous->items, anonymous->count, &slope) ||
	    slope.per_s * HOUR_S < answer->growth.value / 2)
		return kase->newcomer ? started : NULL;
	snprintf(text, sizeof(text), "in memory that it maps itself, not by malloc%s%.100s",
		 look->mapping_count ? ": most of that is " : "",
		 look->mapping_count ? look->mappings[0].name : "");
	return pool_strdup(answer->pool, text);
}

double case_seen_s(const struct patient_case *kase)
{
	return kase->seen_s - kase->began_s;
}

struct answer *case_answer(struct patient_case *kase, double weight)
{
	struct answer *answer = answer_new();
	struct series *live = pool_alloc(answer->pool, 1, sizeof(*live));
	struct finding *findings;

	case_watch_end(kase);
	findings = pool_alloc(answer->pool, SUBJECTS_MAX + PART_COUNT + 1, sizeof(*findings));
	answer->pid = kase->patient.pid;
	answer->comm = pool_strdup(answer->pool, kase->patient.status.comm);
	answer->process_count = 1;
	answer->uptime_s = answer->look_uptime_s = kase->uptime_s;
	answer->watched_s = case_seen_s(kase);
	answer->look = kase->look;
	if (kase->look) {
		answer->exe = kase->look->exe;
		answer->resident_bytes = kase->look->resident_bytes;
		answer->limit_bytes = kase->look->limit_bytes;
	}
	if (!answer->resident_bytes)
		answer->resident_bytes = case_resident(kase);
	sum_live(kase, live);
	answer_set_growth(answer, live->items, live->count, kase->resident.items,
			  kase->resident.count);
	answer->unexplained = guess_unexplained(kase, answer);
	size_t count = find_all(kase, answer, findings);
	rate_scale(&answer->growth, weight);
	rate_scale(&answer->resident_growth, weight);
	for (size_t i = 0; i < count; i++)
		rate_scale(&findings[i].rate, weight);
	answer_set_findings(answer, findings, count);
	return answer;
}
