/* SPDX-License-Identifier: BSD-2-Clause */
#include "inquiries.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/clock.h"
#include "../../lib/saturate.h"

#define GROWS_BYTES_PER_S (200e3 / 3600) /* surely at least: less is not asked about */
#define START_S           10.0           /* in which a process starts, */
#define START_INTERVALS   10             /* at most so many */
#define LATE_TIMES        2     /* an answer that takes longer than so many times as long */
#define LATE_S            300.0 /* and this never comes */
#define URGENT_S          20.0  /* one of a service that may soon be ended takes no longer */
#define PAUSE_TIMES       5     /* between two of one service: so many times as long, */
#define PAUSE_MOST_TIMES  200   /* at first, and at last */

static void tell_finding(void *context, enum finding_change change,
			 const struct known_finding *finding)
{
	const struct inquiries *inquiries = context;

	alerts_finding(inquiries->alerts, inquiries->service, change, finding);
}

/* --- one that is over --- */

static void set_pause(struct watched_service *service, double duration_s, bool news, double now_s)
{
	double least_s = PAUSE_TIMES * duration_s;

	service->pause_s = news || service->pause_s < least_s
				   ? least_s
				   : fmin(2 * service->pause_s, PAUSE_MOST_TIMES * duration_s);
	service->ask_after_s = now_s + service->pause_s;
}

/* Takes what was told over; returns whether any of it is new. */
static bool take_told(struct inquiries *inquiries, struct told *told, double now_s)
{
	struct watched_service *service = inquiries->service;

	inquiries->spending.allowed_s -= told->cost_s;
	inquiries_count(inquiries, told);
	service->cost_s = told->cost_s;
	if (told->failure) {
		inquiries->failed++;
		event_tell(inquiries->alerts->listener, &(struct event){.kind = EVENT_NOT_ASKED,
									.name = service->name,
									.text = told->failure});
		return false;
	}
	if (told->memory.known) {
		roster_take_memory(service, &told->memory);
		service->looked_s = now_s;
	}
	service->growth_told = told->growth_known;
	service->growth = told->growth;
	return findings_take(&service->findings, told, now_s, tell_finding, inquiries);
}

/* What came of it, and the answer itself. */
static void keep(struct inquiries *inquiries, double now_s)
{
	char *whole = asking_take_whole(inquiries->asking);

	if (whole)
		history_add_answer(inquiries->history, inquiries->service, whole);
	free(whole);
	history_add_findings(inquiries->history, inquiries->service, now_s);
}

static void end(struct inquiries *inquiries, struct told *told, double now_s)
{
	struct watched_service *service = inquiries->service;

	set_pause(service, inquiries->options->duration_s, take_told(inquiries, told, now_s),
		  now_s);
	if (inquiries->history && !told->failure)
		keep(inquiries, now_s);
	asking_free(inquiries->asking);
	inquiries->asking = NULL;
	told_release(told);
	service->is_asked = false;
	inquiries->service = NULL;
}

static void take_answer(void *context)
{
	struct inquiries *inquiries = context;
	struct told told;

	asking_take(inquiries->asking, &told);
	end(inquiries, &told, clock_s(CLOCK_MONOTONIC));
}

/* What should long have answered never will. */
static void give_up(struct inquiries *inquiries, double now_s)
{
	struct told told = {.failure = strdup("no answer came"), .cost_s = SPENDING_USUAL_S};

	end(inquiries, &told, now_s);
}

/* --- which one is due --- */

static double own_bytes(const struct instance *instance)
{
	return (double)(instance->status.anonymous_bytes + instance->status.swapped_bytes);
}

/*
 * By how much its processes have become larger since the last reading, on average. What one that
 * ends gives back does not count, or workers that are replaced would hide what each of them grows
 * by; nor does what a young one takes to start.
 */
static double mean_rise(const struct roster *roster, const struct watched_service *service)
{
	double start_s = fmin(START_S, START_INTERVALS * roster->interval_s), sum = 0;

	for (size_t i = 0; i < roster->instance_count; i++) {
		struct instance *instance = &roster->instances[i];

		if (instance->service != service)
			continue;
		if (instance->counted)
			sum += own_bytes(instance) - instance->counted_bytes;
		instance->counted |= procfs_age_s(&instance->status) >= start_s;
		instance->counted_bytes = own_bytes(instance);
	}
	return sum / (double)service->processes;
}

/* At the lower end of its interval, over an hour or over a day; negative: not, or not known. */
static double surely_grows(const struct trend *trend)
{
	double most = -1;

	for (size_t i = 0; i < TREND_SPANS; i++) {
		const struct slope *slope = trend_slope(trend, i);

		if (slope)
			most = fmax(most, slope->low);
	}
	return most > GROWS_BYTES_PER_S ? most : -1;
}

static void end_findings(struct inquiries *inquiries, struct watched_service *service, double now_s)
{
	if (!service->findings.count || !trend_slope(&service->trend, 0))
		return;
	inquiries->service = service; /* that tell_finding() names */
	findings_end(&service->findings, now_s - trend_span_s(&service->trend), tell_finding,
		     inquiries);
	if (inquiries->history)
		history_add_findings(inquiries->history, service, now_s);
	inquiries->service = NULL;
}

/* When it comes near to its limit it is asked once more, as long as it can be. */
static void attend_limit(const struct roster *roster, struct watched_service *service)
{
	bool near = false;

	for (size_t i = 0; i < roster->instance_count && !near; i++) {
		const struct instance *instance = &roster->instances[i];

		near = instance->service == service && instance->group &&
		       instance->group->near_limit;
	}
	service->urgent |= near && !service->near_limit;
	service->near_limit = near;
}

/* Returns by how much it surely grows where it may be asked now; negative: not. */
static double attend_one(struct inquiries *inquiries, struct watched_service *service, double now_s)
{
	if (!service->processes)
		return -1;
	service->risen_bytes += mean_rise(inquiries->roster, service);
	bool renewed = trend_add(&service->trend, now_s, service->risen_bytes);
	double grows = surely_grows(&service->trend);
	attend_limit(inquiries->roster, service);
	if (inquiries->asking)
		return -1;
	if (service->urgent)
		return INFINITY;
	if (service->is_looked_at)
		return -1;
	if (grows < 0 && renewed)
		end_findings(inquiries, service, now_s);
	return now_s >= service->ask_after_s ? grows : -1;
}

static bool is_watched(const struct roster *roster, const struct watched_service *service,
		       pid_t pid)
{
	for (size_t i = 0; i < roster->instance_count; i++)
		if (roster->instances[i].service == service &&
		    roster->instances[i].status.tgid == pid)
			return true;
	return false;
}

/* The master of its largest process, as it stands for its workers; that one where it has none. */
static pid_t whom_to_ask(const struct roster *roster, const struct watched_service *service)
{
	const struct instance *largest = NULL;

	for (size_t i = 0; i < roster->instance_count; i++) {
		const struct instance *instance = &roster->instances[i];

		if (instance->service == service &&
		    (!largest || instance->status.resident_bytes > largest->status.resident_bytes))
			largest = instance;
	}
	if (!largest)
		return 0;
	return is_watched(roster, service, largest->root) ? largest->root : largest->status.tgid;
}

static void ask(struct inquiries *inquiries, struct watched_service *service)
{
	const struct asking_options options = {
		.procfs = inquiries->roster->procfs,
		.pid = whom_to_ask(inquiries->roster, service),
		.duration_s = service->urgent ? fmin(URGENT_S, inquiries->options->duration_s)
					      : inquiries->options->duration_s,
		.max_memory_bytes = inquiries->options->max_memory_bytes,
		.with_keys = inquiries->options->with_keys,
		.whole = inquiries->history,
	};

	inquiries->asking = asking_new(inquiries->loop, &options, take_answer, inquiries);
	if (!inquiries->asking)
		return;
	inquiries->asked++;
	inquiries->began_s = clock_s(CLOCK_MONOTONIC);
	inquiries->service = service;
	service->is_asked = true;
	service->urgent = false;
}

/* One that nobody has asked yet comes before those that were: many that grow fast, and are due
 * again, would else keep a slow one from ever being asked. Of others the faster one. */
static bool comes_before(const struct watched_service *service, double grows,
			 const struct watched_service *other, double other_grows)
{
	bool is_asked = service->pause_s > 0, other_is_asked = other && other->pause_s > 0;

	if (!other || service->urgent || other->urgent || is_asked == other_is_asked)
		return grows > other_grows;
	return !is_asked;
}

void inquiries_attend(struct inquiries *inquiries, double now_s)
{
	struct watched_service *next = NULL;
	double most = 0;

	if (!(inquiries->options->share > 0))
		return;
	spending_count(&inquiries->spending, inquiries->options->share, now_s,
		       clock_s(CLOCK_PROCESS_CPUTIME_ID));
	if (inquiries->asking &&
	    now_s - inquiries->began_s > LATE_TIMES * inquiries->options->duration_s + LATE_S)
		give_up(inquiries, now_s);
	for (size_t i = 0; i < inquiries->roster->service_count; i++) {
		struct watched_service *service = inquiries->roster->services[i];
		double grows = attend_one(inquiries, service, now_s);

		if (grows > 0 && comes_before(service, grows, next, most)) {
			most = grows;
			next = service;
		}
	}
	if (next && (next->urgent || spending_allows(&inquiries->spending, next->cost_s)))
		ask(inquiries, next);
}

void inquiries_count(struct inquiries *inquiries, const struct told *told)
{
	struct told_losses *losses = &inquiries->losses;

	inquiries->spent_s += told->cost_s;
	for (size_t i = 0; i < UNCERTAIN_COUNT; i++)
		losses->looked[i] = saturating_add(losses->looked[i], told->losses.looked[i]);
	for (size_t i = 0; i < LOSS_COUNT; i++)
		losses->recorded[i] = saturating_add(losses->recorded[i], told->losses.recorded[i]);
}

void inquiries_release(struct inquiries *inquiries)
{
	asking_free(inquiries->asking);
	inquiries->asking = NULL;
}
