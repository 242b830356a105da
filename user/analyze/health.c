/* SPDX-License-Identifier: BSD-2-Clause */
#include "health.h"

#include <math.h>
#include <stdlib.h>

#define MUCH_LONGER 1.5

enum { WENT_S = 7200 /* without a sample, which there is each minute or hour */ };

double health_line_span_s(const struct health_line *line)
{
	return line->count ? line->samples[line->count - 1].at_s - line->samples[0].at_s : 0;
}

static void judge_line(struct health_line *line)
{
	line->known = slope_of_level(line->samples, line->count, &line->slope);
}

static void judge_service(struct health_service *service)
{
	judge_line(&service->day);
	if (health_line_span_s(&service->weeks) < MUCH_LONGER * health_line_span_s(&service->day))
		service->weeks.count = 0;
	judge_line(&service->weeks);
	service->foreseen = service->limit_bytes &&
			    forecast_reach(service->day.samples, service->day.count,
					   (double)service->limit_bytes, &service->forecast);
}

static double growth(const struct health_service *service)
{
	return service->day.known ? service->day.slope.per_s : -INFINITY;
}

static int compare_growth(const void *a, const void *b)
{
	double first = growth(*(struct health_service *const *)a);
	double second = growth(*(struct health_service *const *)b);

	return (first < second) - (first > second);
}

void health_judge(struct health *health)
{
	for (size_t i = 0; i < health->service_count; i++)
		judge_service(health->services[i]);
	if (health->service_count)
		qsort(health->services, health->service_count, sizeof(*health->services),
		      compare_growth);
}

/* --- what is otherwise --- */

struct telling {
	health_change_fn *tell;
	void *context;
	size_t count;
};

static void tell(struct telling *telling, bool so, enum health_change change,
		 const struct health_service *service, const struct health_finding *finding)
{
	if (!so)
		return;
	telling->count++;
	if (telling->tell)
		telling->tell(telling->context, change, service, finding);
}

/* One that came and went in the time between is both. */
static void tell_service(struct telling *telling, const struct health *health,
			 const struct health_service *service)
{
	tell(telling, service->first_at > health->since, HEALTH_SERVICE_CAME, service, NULL);
	for (size_t i = 0; i < service->finding_count; i++) {
		const struct health_finding *finding = &service->findings[i];

		tell(telling, finding->first_at > health->since, HEALTH_FINDING_NEW, service,
		     finding);
		tell(telling, finding->over_at > health->since, HEALTH_FINDING_OVER, service,
		     finding);
	}
	tell(telling, service->last_at > health->since && service->last_at < health->at - WENT_S,
	     HEALTH_SERVICE_WENT, service, NULL);
}

size_t health_changes(const struct health *health, health_change_fn *told, void *context)
{
	struct telling telling = {told, context, 0};

	for (size_t i = 0; i < health->service_count; i++)
		tell_service(&telling, health, health->services[i]);
	return telling.count;
}

size_t health_findings(const struct health *health)
{
	size_t count = 0;

	for (size_t i = 0; i < health->service_count; i++)
		for (size_t j = 0; j < health->services[i]->finding_count; j++)
			count += !health->services[i]->findings[j].over_at;
	return count;
}

bool health_yields(const struct health_gc *gc, double *before, double *now)
{
	uint64_t collections = gc->collections - gc->collections_before;

	if (!gc->known || !gc->collections_before || gc->collections <= gc->collections_before ||
	    gc->collected < gc->collected_before)
		return false;
	*before = (double)gc->collected_before / (double)gc->collections_before;
	*now = (double)(gc->collected - gc->collected_before) / (double)collections;
	return true;
}

/* --- its end --- */

static void release_service(struct health_service *service)
{
	for (size_t i = 0; i < service->finding_count; i++) {
		free(service->findings[i].name);
		free(service->findings[i].type);
		free(service->findings[i].filled_by);
		free(service->findings[i].reason);
	}
	for (size_t i = 0; i < service->cache_count; i++)
		free(service->caches[i].name);
	for (size_t i = 0; i < service->pool_count; i++)
		free(service->pools[i].name);
	answer_free(service->answer);
	free(service->findings);
	free(service->name);
	free(service->group);
	free(service);
}

void health_release(struct health *health)
{
	for (size_t i = 0; i < health->service_count; i++)
		release_service(health->services[i]);
	free(health->services);
	*health = (struct health){0};
}
