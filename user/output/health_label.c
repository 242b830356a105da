/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "../lib/quantity.h"
#include "health.h"

#define S_PER_H 3600.0

const char *health_change_label(enum health_change change)
{
	static const char *const labels[] = {
		[HEALTH_FINDING_NEW] = "new",
		[HEALTH_FINDING_OVER] = "over",
		[HEALTH_SERVICE_CAME] = "came",
		[HEALTH_SERVICE_WENT] = "went",
	};

	return labels[change];
}

void health_print_time(FILE *file, int64_t at)
{
	time_t time = (time_t)at;
	struct tm utc;
	char text[32] = "?";

	if (gmtime_r(&time, &utc))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &utc);
	fputs(text, file);
}

static void print_many(FILE *file, size_t count, const char *what)
{
	quantity_print_count(file, count);
	fprintf(file, " %s%s", what, count == 1 ? "" : "s");
}

void health_print_counts(FILE *file, const struct health *health)
{
	print_many(file, health->service_count, "service");
	fputs(", ", file);
	print_many(file, health_findings(health), "finding");
	fputs(", ", file);
	print_many(file, health_changes(health, NULL, NULL), "change");
}

void health_print_size(FILE *file, const struct health *health,
		       const struct health_service *service)
{
	bool more = service->bytes >= service->bytes_before;

	fputs("takes ", file);
	quantity_print_amount(file, service->bytes);
	fprintf(file, " in ");
	quantity_print_count(file, service->processes);
	fputs(service->processes == 1 ? " process" : " processes", file);
	if (service->bytes_before) {
		fputs(", ", file);
		quantity_print_amount(file, more ? service->bytes - service->bytes_before
						 : service->bytes_before - service->bytes);
		fprintf(file, " %s than at ", more ? "more" : "less");
		health_print_time(file, health->since);
	}
	if (service->most_bytes > service->bytes) {
		fputs(", at most ", file);
		quantity_print_amount(file, service->most_bytes);
	}
}

static void print_slope(FILE *file, const struct health_line *line, const char *unit)
{
	const struct slope *slope = &line->slope;

	fputc(' ', file);
	quantity_print_rate(file, slope->per_s * S_PER_H);
	fprintf(file, "%s (", unit);
	quantity_print_rate(file, slope->low * S_PER_H);
	fputs(" to ", file);
	quantity_print_rate(file, slope->high * S_PER_H);
	fputs(") over ", file);
	quantity_print_span(file, health_line_span_s(line));
}

static const char *verb_of(const struct slope *slope)
{
	return slope->low > 0 ? "grows" : slope->high < 0 ? "shrinks" : "does not surely grow:";
}

void health_print_growth(FILE *file, const struct health_service *service)
{
	bool day = service->day.known, weeks = service->weeks.known;

	if (!day && !weeks) {
		fputs("how fast it grows cannot be told yet", file);
		return;
	}
	fputs(verb_of(day ? &service->day.slope : &service->weeks.slope), file);
	if (day)
		print_slope(file, &service->day, " MB/h");
	if (day && weeks)
		fputc(',', file);
	if (weeks)
		print_slope(file, &service->weeks, day ? "" : " MB/h");
}

static void print_far(FILE *file, double seconds)
{
	if (isfinite(seconds))
		quantity_print_span(file, seconds);
	else
		fputs("never", file);
}

void health_print_limit(FILE *file, const struct health_service *service)
{
	const struct forecast *forecast = &service->forecast;

	quantity_print_amount(file, service->limit_bytes);
	if (!service->foreseen) {
		fputs(", not foreseen to be reached", file);
		return;
	}
	fputs(", reached in ", file);
	print_far(file, forecast->likely_s);
	fputs(" (eight times in ten from ", file);
	print_far(file, forecast->early_s);
	fputs(" to ", file);
	print_far(file, forecast->late_s);
	fputc(')', file);
}

void health_print_gc(FILE *file, const struct health_gc *gc)
{
	double before, now;

	fprintf(file, "%s; ", gc->enabled ? "on" : "off");
	quantity_print_count(file, gc->collections);
	fputs(" collections freed ", file);
	quantity_print_count(file, gc->collected);
	fputs(" objects", file);
	if (gc->uncollectable) {
		fputs(", and could not free ", file);
		quantity_print_count(file, gc->uncollectable);
	}
	if (health_yields(gc, &before, &now))
		fprintf(file, "; each frees %.3g since the last report, %.3g before", now, before);
}

void health_print_cache(FILE *file, const struct health_cache *cache)
{
	double asked = (double)cache->hits + (double)cache->misses;

	quantity_print_count(file, cache->entries);
	if (cache->bound) {
		fputs(" of ", file);
		quantity_print_count(file, cache->bound);
	}
	fputs(cache->entries == 1 && !cache->bound ? " entry" : " entries", file);
	if (!cache->bound)
		fputs(", no bound", file);
	if (asked > 0) {
		fputs(", ", file);
		quantity_print_percent(file, (double)cache->hits, asked);
		fputs(" hits", file);
	}
}

void health_print_pool(FILE *file, const struct health_pool *pool)
{
	quantity_print_count(file, pool->in_use);
	fputs(" in use, ", file);
	quantity_print_count(file, pool->idle);
	fputs(" idle", file);
	if (!pool->maximum)
		return;
	fputs(", ", file);
	quantity_print_count(file, pool->maximum);
	fputs(" at most", file);
}

void health_print_rate(FILE *file, const struct health_finding *finding)
{
	quantity_print_rate(file, finding->rate.value);
	fputs(" MB/h (", file);
	quantity_print_rate(file, finding->rate.low);
	fputs(" to ", file);
	quantity_print_rate(file, finding->rate.high);
	fputc(')', file);
	if (finding->holds_bytes) {
		fputs(", holds ", file);
		quantity_print_amount(file, finding->holds_bytes);
	}
}
