/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>

#include "../lib/quantity.h"
#include "verdict_internal.h"

void reason_whole(FILE *file, double amount)
{
	quantity_print_count(file, (uint64_t)fmin(fmax(amount + 0.5, 0), 1e18));
}

static const char *things(const struct facts *facts)
{
	return facts->history->of_objects ? "objects" : "entries";
}

void reason_speed(FILE *file, const struct facts *facts, double per_s)
{
	double a_minute = fabs(per_s) * 60;
	bool slow = a_minute < (facts->of_bytes ? 1000 : 1);
	double amount = slow ? a_minute * 60 : a_minute;

	putc(per_s < 0 ? '-' : '+', file);
	if (facts->of_bytes)
		quantity_print_amount(file, (uint64_t)fmin(amount, 1e18));
	else if (amount < 9.95)
		fprintf(file, "%.2g", amount);
	else
		reason_whole(file, amount);
	if (!facts->of_bytes)
		fprintf(file, " %s", things(facts));
	fputs(slow ? "/h" : "/min", file);
}

void reason_watch(FILE *file, const struct container_history *history)
{
	if (!(history->watched_s > 0) || !history->grown || !history->by_first)
		return;
	const char *what = history->of_value ? "replacement" : "insertion";
	bool all = history->by_first >= history->grown, one = all && history->grown == 1;

	fputs(one ? ", the one" : all ? ", all " : ", ", file);
	if (!all) {
		quantity_print_count(file, history->by_first);
		fputs(" of ", file);
	}
	if (!one)
		quantity_print_count(file, history->grown);
	fprintf(file, " %s%s seen in ", what, one ? "" : "s");
	quantity_print_span(file, history->watched_s);
	fputs(" came from this line", file);
}

void reason_leaving(FILE *file, const struct facts *facts)
{
	const struct container_history *history = facts->history;

	if (!facts->leaves) {
		fputs(history->of_value ? ", never shorter" : ", none leaves", file);
	} else if (history->shrunk) {
		fprintf(file, ", ");
		quantity_print_count(file, history->shrunk);
		fputs(" left while ", file);
		quantity_print_count(file, history->grown);
		fputs(" came in ", file);
		quantity_print_span(file, history->watched_s);
	} else {
		fputs(", others leave", file);
	}
}

void reason_proportion(FILE *file, const struct facts *facts)
{
	const char *age = facts->age_s < facts->history->uptime_s ? "age" : "uptime";
	double times = facts->share > 0 ? 1 / facts->share : INFINITY;

	if (times > 0.8 && times < 1.25)
		fprintf(file, "; its size is its rate x %s", age);
	else if (times < 9.95)
		fprintf(file, "; its size is %.1f times its rate x %s", times, age);
	else if (times < 1e6)
		fprintf(file, "; its size is %.0f times its rate x %s", times, age);
}
