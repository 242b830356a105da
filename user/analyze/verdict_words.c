/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict_words.h"

#include "../lib/quantity.h"

void verdict_print_watch(FILE *file, const struct container_history *history)
{
	if (!(history->watched_s > 0) || !history->grown || !history->by_first)
		return;
	const char *what = history->of_value ? "replacement" : "insertion";

	if (history->by_first >= history->grown && history->grown == 1) {
		fprintf(file, ", the one %s seen in ", what);
		quantity_print_span(file, history->watched_s);
		fputs(" came from this line", file);
		return;
	}
	if (history->by_first >= history->grown) {
		fputs(", all ", file);
	} else {
		fputs(", ", file);
		quantity_print_count(file, history->by_first);
		fputs(" of ", file);
	}
	quantity_print_count(file, history->grown);
	fprintf(file, " %ss seen in ", what);
	quantity_print_span(file, history->watched_s);
	fputs(" came from this line", file);
}
