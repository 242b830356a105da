/* SPDX-License-Identifier: BSD-2-Clause */
/* An answer written out, with all that an inquiry sets; rates in kB an hour. */
#ifndef UNFREED_TESTS_ANSWER_TEXT_H
#define UNFREED_TESTS_ANSWER_TEXT_H

#include <stdio.h>

#include "analyze/answer.h"

enum { KB_H = 1000 };

static inline void put_rate(FILE *out, const char *name, const struct rate *rate)
{
	fprintf(out, "%s%.0f[%.0f,%.0f]", name, rate->value / KB_H, rate->low / KB_H,
		rate->high / KB_H);
}

static inline void put_finding(FILE *out, const struct finding *finding)
{
	static const char *const advices[] = {"", ", record", ", growth"};

	fprintf(out, "\n%s: %s", verdict_name(finding->verdict),
		finding->container ? finding->container->name
		: finding->subject ? finding->subject
				   : "-");
	put_rate(out, " ", &finding->rate);
	fprintf(out, " holds %llu, evidence %u%s: %s", (unsigned long long)finding->holds_bytes,
		finding->evidence, advices[finding->advice], finding->reason);
}

/* To be freed. */
static inline char *answer_text(const struct answer *answer)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	fprintf(out, "%s x%zu, up %.0f, %llu of %llu", answer->comm ? answer->comm : "-",
		answer->process_count, answer->uptime_s, (unsigned long long)answer->resident_bytes,
		(unsigned long long)answer->limit_bytes);
	if (answer->full_in_s >= 0)
		fprintf(out, ", full in %.0f", answer->full_in_s);
	put_rate(out, answer->growth_known ? "; grows " : "; unknown ", &answer->growth);
	put_rate(out, " resident ", &answer->resident_growth);
	fprintf(out, " explained %.0f", answer->explained / KB_H);
	for (size_t i = 0; i < answer->finding_count; i++)
		put_finding(out, &answer->findings[i]);
	fclose(out);
	return text;
}

#endif
