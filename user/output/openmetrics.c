/* SPDX-License-Identifier: BSD-2-Clause */
#include "openmetrics.h"

#include <stdlib.h>

#include "../lib/escape.h"

enum { LABEL_BYTES = 512 };

static const struct {
	const char *name, *ending;
} types[] = {
	[OPENMETRICS_GAUGE] = {"gauge", ""},
	[OPENMETRICS_COUNTER] = {"counter", "_total"},
	[OPENMETRICS_INFO] = {"info", "_info"},
};

void openmetrics_family(FILE *file, enum openmetrics_type type, const char *name, const char *help)
{
	fprintf(file, "# TYPE %s %s\n# HELP %s %s\n", name, types[type].name, name, help);
}

static void print_value(FILE *file, const char *value)
{
	char *text = escape_name(value, LABEL_BYTES);

	for (const char *at = text ? text : ""; *at; at++) {
		if (*at == '\\' || *at == '"')
			fputc('\\', file);
		fputc(*at, file);
	}
	free(text);
}

void openmetrics_sample(FILE *file, enum openmetrics_type type, const char *name,
			const struct openmetrics_label *labels, size_t label_count, double value)
{
	const char *before = "{";

	fprintf(file, "%s%s", name, types[type].ending);
	for (size_t i = 0; i < label_count; i++) {
		if (!labels[i].value)
			continue;
		fprintf(file, "%s%s=\"", before, labels[i].name);
		print_value(file, labels[i].value);
		fputc('"', file);
		before = ",";
	}
	fprintf(file, "%s %.15g\n", *before == ',' ? "}" : "", value);
}

void openmetrics_end(FILE *file)
{
	fputs("# EOF\n", file);
}
