/* SPDX-License-Identifier: BSD-2-Clause */
#include "findings.h"

#include <string.h>

enum { MISSED_MAX = 2 };

/* Whether it is something that people should know: what comes and goes by itself is not. */
static bool is_worth_telling(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_LEAK:
	case VERDICT_GROWS:
	case VERDICT_FILLING_CACHE:
	case VERDICT_KEPT:
	case VERDICT_UNEXPLAINED:
		return true;
	default:
		return false;
	}
}

static bool is_worse(enum verdict verdict, enum verdict than)
{
	return verdict < than; /* as their list is ordered */
}

void findings_release(struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++)
		told_finding_release(&findings->items[i].told);
	findings->count = 0;
}

static struct known_finding *find(struct findings *findings, const char *name)
{
	for (size_t i = 0; i < findings->count; i++)
		if (!strcmp(findings->items[i].told.name, name))
			return &findings->items[i];
	return NULL;
}

bool findings_have(const struct findings *findings, const char *name)
{
	return find((struct findings *)findings, name);
}

/* The line that fills it stays known where a later answer did not see it. */
static void renew(struct known_finding *known, struct told_finding *told)
{
	if (!told->filled_by) {
		told->filled_by = known->told.filled_by;
		known->told.filled_by = NULL;
	}
	if (!told->frames) {
		told->frames = known->told.frames;
		told->frame_count = known->told.frame_count;
		known->told.frames = NULL;
		known->told.frame_count = 0;
	}
	told_finding_release(&known->told);
	known->told = *told;
}

static bool meet(struct known_finding *known, struct told_finding *told, double now_s)
{
	enum verdict verdict = told->verdict;
	bool changes = verdict != known->verdict &&
		       (is_worse(verdict, known->verdict) || verdict == known->other);

	renew(known, told);
	known->missed = 0;
	known->last_s = now_s;
	known->other = verdict;
	if (changes)
		known->verdict = verdict;
	return changes;
}

/* Returns NULL where there is no room. */
static struct known_finding *add(struct findings *findings, struct told_finding *told, double now_s)
{
	if (findings->count == FINDINGS_MAX) {
		told_finding_release(told);
		return NULL;
	}
	findings->items[findings->count] = (struct known_finding){
		.told = *told,
		.verdict = told->verdict,
		.other = told->verdict,
		.first_s = now_s,
		.last_s = now_s,
	};
	return &findings->items[findings->count++];
}

void findings_recall(struct findings *findings, struct told_finding *told, double first_s,
		     double last_s)
{
	struct known_finding *known = add(findings, told, last_s);

	if (known)
		known->first_s = first_s;
}

static void drop(struct findings *findings, size_t index, finding_told_fn *tell, void *context)
{
	if (is_worth_telling(findings->items[index].verdict))
		tell(context, FINDING_OVER, &findings->items[index]);
	told_finding_release(&findings->items[index].told);
	findings->items[index] = findings->items[--findings->count];
}

static bool drop_missed(struct findings *findings, finding_told_fn *tell, void *context)
{
	bool any = false;

	for (size_t i = findings->count; i-- > 0;)
		if (findings->items[i].missed >= MISSED_MAX) {
			any |= is_worth_telling(findings->items[i].verdict);
			drop(findings, i, tell, context);
		}
	return any;
}

/* Of several of one name the first counts, which grows fastest. */
static bool take(struct findings *findings, struct told_finding *told, double now_s,
		 finding_told_fn *tell, void *context)
{
	struct known_finding *known = find(findings, told->name);
	enum finding_change change = known ? FINDING_CHANGED : FINDING_NEW;

	if (known && !known->missed) {
		told_finding_release(told);
		return false;
	}
	bool changes = known ? meet(known, told, now_s) : true;
	if (!known)
		known = add(findings, told, now_s);
	if (!known || !changes || !is_worth_telling(known->verdict))
		return false;
	tell(context, change, known);
	return true;
}

bool findings_take(struct findings *findings, struct told *told, double now_s,
		   finding_told_fn *tell, void *context)
{
	bool any = false;

	for (size_t i = 0; i < findings->count; i++)
		findings->items[i].missed++;
	for (size_t i = 0; i < told->finding_count; i++)
		any |= take(findings, &told->findings[i], now_s, tell, context);
	told->finding_count = 0;
	return drop_missed(findings, tell, context) || any;
}

void findings_end(struct findings *findings, double since_s, finding_told_fn *tell, void *context)
{
	for (size_t i = findings->count; i-- > 0;)
		if (findings->items[i].last_s < since_s)
			drop(findings, i, tell, context);
}
