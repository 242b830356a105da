/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text of OpenMetrics 1.0, as Prometheus and others scrape it. Families one after the other, each
 * with all of its samples; openmetrics_end() closes. Knows nothing of what is measured.
 */
#ifndef UNFREED_OUTPUT_OPENMETRICS_H
#define UNFREED_OUTPUT_OPENMETRICS_H

#include <stdio.h>

#define OPENMETRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

enum openmetrics_type { OPENMETRICS_GAUGE, OPENMETRICS_COUNTER, OPENMETRICS_INFO };

struct openmetrics_label {
	const char *name;
	const char
		*value; /* of a target's choosing, too: it is escaped, and cut if it is very long */
};

/* Begins a family; its name is without the ending that samples of a counter or an info have. */
void openmetrics_family(FILE *file, enum openmetrics_type type, const char *name, const char *help);

/* A sample of the family of that type and name. A label without a value (NULL) is left out. */
void openmetrics_sample(FILE *file, enum openmetrics_type type, const char *name,
			const struct openmetrics_label *labels, size_t label_count, double value);

void openmetrics_end(FILE *file);

#endif
