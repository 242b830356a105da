/* SPDX-License-Identifier: BSD-2-Clause */
#include "looks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/clock.h"

#define EVERY_INTERVALS 60    /* between two of one service, at least: ten minutes of 10 s */
#define START_INTERVALS 10    /* in which a process starts, */
#define START_S         10.0  /* at most so long */
#define LATE_S          300.0 /* one that takes longer never comes */

/* --- one that is over --- */

static void end(struct looks *looks, struct told *told, double now_s)
{
	struct watched_service *service = looks->service;

	inquiries_count(looks->inquiries, told);
	looks->after_s =
		now_s + told->cost_s / (SPENDING_LOOK_SHARE * looks->inquiries->options->share);
	looks->failed += !told->memory.known;
	if (told->memory.known && looks->inquiries->history)
		history_add_look(looks->inquiries->history, service, asking_text(looks->asking));
	if (told->memory.known)
		roster_take_memory(service, &told->memory);
	service->looked_s = now_s;
	service->is_looked_at = false;
	asking_free(looks->asking);
	looks->asking = NULL;
	looks->service = NULL;
	told_release(told);
}

static void take(void *context)
{
	struct looks *looks = context;
	struct told told;

	asking_take(looks->asking, &told);
	end(looks, &told, clock_s(CLOCK_MONOTONIC));
}

static void give_up(struct looks *looks, double now_s)
{
	struct told told = {.cost_s = now_s - looks->began_s};

	end(looks, &told, now_s);
}

/* --- which one is due --- */

static double scaled(const struct looks *looks, int intervals)
{
	return intervals * looks->inquiries->roster->interval_s;
}

/* The one of the last look where it is still there, so that what grew can be told; else the
 * largest that has started. */
static const struct instance *choose(const struct looks *looks,
				     const struct watched_service *service)
{
	const struct roster *roster = looks->inquiries->roster;
	double start_s = fmin(START_S, scaled(looks, START_INTERVALS));
	const struct instance *largest = NULL;

	for (size_t i = 0; i < roster->instance_count; i++) {
		const struct instance *instance = &roster->instances[i];
		const struct process_status *status = &instance->status;

		if (instance->service != service || procfs_age_s(status) < start_s)
			continue;
		if (service->memory.known && service->memory.pid == status->tgid &&
		    service->memory.start_time == status->start_time)
			return instance;
		if (!largest || status->resident_bytes > largest->status.resident_bytes)
			largest = instance;
	}
	return largest;
}

static bool is_due(const struct looks *looks, const struct watched_service *service, double now_s)
{
	return service->processes && !service->is_asked &&
	       (!service->looked_s ||
		now_s - service->looked_s >= scaled(looks, EVERY_INTERVALS)) &&
	       choose(looks, service);
}

static struct watched_service *longest_waiting(const struct looks *looks, double now_s)
{
	const struct roster *roster = looks->inquiries->roster;
	struct watched_service *found = NULL;

	for (size_t i = 0; i < roster->service_count; i++) {
		struct watched_service *service = roster->services[i];

		if (is_due(looks, service, now_s) &&
		    (!found || service->looked_s < found->looked_s))
			found = service;
	}
	return found;
}

static void look(struct looks *looks, struct watched_service *service, double now_s)
{
	const struct inquiries *inquiries = looks->inquiries;
	const struct asking_options options = {
		.procfs = inquiries->roster->procfs,
		.pid = choose(looks, service)->status.tgid,
		.max_memory_bytes = inquiries->options->max_memory_bytes,
		.with_keys = inquiries->options->with_keys,
	};

	looks->asking = asking_new(inquiries->loop, &options, take, looks);
	if (!looks->asking)
		return;
	looks->made++;
	looks->began_s = now_s;
	looks->service = service;
	service->is_looked_at = true;
}

void looks_attend(struct looks *looks, double now_s)
{
	struct watched_service *service;

	if (!(looks->inquiries->options->share > 0))
		return;
	if (looks->asking && now_s - looks->began_s > LATE_S)
		give_up(looks, now_s);
	if (looks->asking || now_s < looks->after_s)
		return;
	service = longest_waiting(looks, now_s);
	if (service)
		look(looks, service, now_s);
}

void looks_release(struct looks *looks)
{
	asking_free(looks->asking);
	looks->asking = NULL;
}
