/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>

#include "../lib/escape.h"
#include "health.h"

enum {
	COLUMNS = 60,
	GAP = 3, /* columns without a sample that are no gap yet */
};

/* Each column has the most of its time. */
static void fill_columns(const struct health_line *line, double columns[COLUMNS])
{
	const struct sample *samples = line->samples;
	double begin_s = samples[0].at_s, span_s = samples[line->count - 1].at_s - begin_s;
	size_t next = 0;

	for (size_t i = 0; i < line->count; i++) {
		double at = (samples[i].at_s - begin_s) / span_s * (COLUMNS - 1);
		size_t column = (size_t)fmin(fmax(at, 0), COLUMNS - 1);

		columns[column] = fmax(columns[column], samples[i].value);
		for (size_t j = next; j < column && column - next <= GAP; j++)
			columns[j] = samples[i].value;
		next = column + 1;
	}
}

/* Of blocks, from 0 up; the highest is full. */
static void print_line(FILE *file, const struct health_line *line, const char *label)
{
	static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	double columns[COLUMNS] = {0}, most = 0;

	if (!(health_line_span_s(line) > 0))
		return;
	fill_columns(line, columns);
	for (size_t i = 0; i < COLUMNS; i++)
		most = fmax(most, columns[i]);
	fprintf(file, "  %-9s ", label);
	for (size_t i = 0; i < COLUMNS; i++)
		fputs(columns[i] > 0 ? blocks[(size_t)fmin(columns[i] / most * 8, 7)] : " ", file);
	fputc('\n', file);
}

static void print_name(FILE *file, const struct health_finding *finding)
{
	if (finding->type) {
		escape_print(file, finding->type);
		fputc(' ', file);
	}
	escape_print(file, finding->name);
}

static void print_change(void *context, enum health_change change,
			 const struct health_service *service, const struct health_finding *finding)
{
	FILE *file = context;

	fprintf(file, "  %-4s  ", health_change_label(change));
	escape_print(file, service->name);
	if (finding) {
		fputs(": ", file);
		print_name(file, finding);
		fprintf(file, ": %s, ", verdict_name(finding->verdict));
		health_print_rate(file, finding);
	}
	fputc('\n', file);
}

static void print_finding(FILE *file, const struct health_finding *finding)
{
	fprintf(file, "  - %s  ", verdict_name(finding->verdict));
	health_print_rate(file, finding);
	fputs("\n      ", file);
	print_name(file, finding);
	if (finding->filled_by) {
		fputs("\n      filled by ", file);
		escape_print(file, finding->filled_by);
	}
	if (finding->reason) {
		fputs("\n      ", file);
		escape_print(file, finding->reason);
	}
	fputs("\n      since ", file);
	health_print_time(file, finding->first_at);
	fputc('\n', file);
}

static void print_service(FILE *file, const struct health *health,
			  const struct health_service *service)
{
	fputc('\n', file);
	escape_print(file, service->name);
	if (*service->group) {
		fputs(", cgroup ", file);
		escape_print(file, service->group);
	}
	fputs("\n  ", file);
	health_print_size(file, health, service);
	fputs("\n  ", file);
	health_print_growth(file, service);
	fputc('\n', file);
	if (service->limit_bytes) {
		fputs("  limit ", file);
		health_print_limit(file, service);
		fputc('\n', file);
	}
	print_line(file, &service->day, "day");
	print_line(file, &service->weeks, "weeks");
	if (service->gc.known) {
		fputs("  gc        ", file);
		health_print_gc(file, &service->gc);
		fputc('\n', file);
	}
	for (size_t i = 0; i < service->cache_count; i++) {
		fputs("  cache     ", file);
		escape_print(file, service->caches[i].name);
		fputs(": ", file);
		health_print_cache(file, &service->caches[i]);
		fputc('\n', file);
	}
	for (size_t i = 0; i < service->pool_count; i++) {
		fputs("  pool      ", file);
		escape_print(file, service->pools[i].name);
		fputs(": ", file);
		health_print_pool(file, &service->pools[i]);
		fputc('\n', file);
	}
	for (size_t i = 0; i < service->finding_count; i++)
		if (!service->findings[i].over_at)
			print_finding(file, &service->findings[i]);
}

int health_text(const struct health *health, FILE *file)
{
	escape_print(file, health->host);
	fputs(", ", file);
	health_print_time(file, health->at);
	fputs(": ", file);
	health_print_counts(file, health);
	fputs("\n\nsince ", file);
	health_print_time(file, health->since);
	fputc('\n', file);
	if (!health_changes(health, print_change, file))
		fputs("  nothing came, went, or was found\n", file);
	for (size_t i = 0; i < health->service_count; i++)
		print_service(file, health, health->services[i]);
	return 0;
}
