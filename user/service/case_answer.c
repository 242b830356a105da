/* SPDX-License-Identifier: BSD-2-Clause */
/* What was found out of a process of an inquiry. */
#include "case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "../lib/clock.h"
#include "../lib/quantity.h"
#include "../look/anonymous.h"
#include "../output/template_name.h"
#include "../plan/share.h"
#include "c_memory.h"

#define C_SHARE_LEAST 0.1 /* of the growth: less is within what the findings may be off */

/* A container that surely grows by less, an hour, and holds less, is not worth a line. */
#define TRIVIAL_RATE  20e3
#define TRIVIAL_BYTES 100000

/* An hour's growth is nothing that a few objects of a watch of seconds can tell,
 * unless the line is known. */
#define TINY_BYTES 1000

#define IN_PLACE_SHARE 10 /* of the blocks that are more: fewer are not worth a word */

uint64_t case_resident(const struct patient_case *kase)
{
	const struct series *resident = &kase->resident;

	return resident->count ? (uint64_t)resident->items[resident->count - 1].value : 0;
}

/* Bytes an hour that no finding explains. */
static double unexplained_rate(const struct answer *answer, const struct finding *findings,
			       size_t count)
{
	double left = answer->growth.value;

	for (size_t i = 0; i < count; i++)
		left -= finding_explains_growth(&findings[i]) ? findings[i].rate.value : 0;
	return left;
}

/* At most what the findings leave unexplained of the growth, where that is known. */
static bool is_unexplained(const struct answer *answer, const struct finding *findings,
			   size_t count, struct rate *rate)
{
	double left = unexplained_rate(answer, findings, count);

	if (!answer->growth_known || rate->value <= left)
		return true;
	rate->high = fmin(rate->high, left);
	rate->low = fmin(rate->low, left);
	rate->value = left;
	return left > C_SHARE_LEAST * answer->growth.value;
}

/* Together with what the findings are sure of, it is not more than all: malloc's
 * blocks and what of them is Python's are counted one after the other, between which a
 * large table may come and go. */
static bool is_possible(const struct answer *answer, const struct finding *findings, size_t count,
			const struct rate *rate)
{
	double sum = rate->low;

	for (size_t i = 0; i < count; i++)
		sum += finding_explains_growth(&findings[i]) ? fmax(findings[i].rate.low, 0) : 0;
	return !answer->growth_known || sum <= answer->growth.high;
}

/* What grows: of what sizes, where these tell. */
static void write_what_grows(const struct patient_case *kase, const struct c_growth *growth,
			     char *text, size_t size)
{
	const struct grown_size *first = growth->sizes;
	char bytes[QUANTITY_SIZE];

	if (growth->size_count)
		snprintf(text, size, "%zu more blocks of %s of malloc in %.0f s, never fewer%s%s",
			 first->more, quantity_bytes(bytes, first->bytes), first->seconds,
			 growth->size_count > 1 ? ", and more of other sizes" : "",
			 kase->patient.is_python ? "; no container explains them" : "");
	else if (kase->other_malloc)
		snprintf(text, size, "memory of %s, in use or kept free", kase->other_malloc);
	else
		snprintf(text, size, "live blocks of malloc%s",
			 kase->patient.is_python ? " that no container explains" : "");
}

/* By class, where that is known: `; 5,000 more objects of Session, 440 kB`. */
static void write_class(const struct patient_case *kase, char *text, size_t size)
{
	struct look_count grown;
	char count[QUANTITY_SIZE], bytes[QUANTITY_SIZE];

	*text = '\0';
	if (!c_memory_class(kase, &grown))
		return;
	char *name = template_name_short(grown.name);

	snprintf(text, size, "; %s more objects of %.150s, %s", quantity_count(count, grown.count),
		 name ?: grown.name, quantity_bytes(bytes, grown.bytes));
	free(name);
}

/* What a cache that is full makes, as long as it keeps it. */
static void write_in_place(const struct c_stacks *stacks, char *text, size_t size)
{
	char blocks[QUANTITY_SIZE];

	*text = '\0';
	if (stacks->in_place > stacks->blocks / IN_PLACE_SHARE)
		snprintf(text, size, "; %s more took the place of others of their sizes",
			 quantity_count(blocks, stacks->in_place));
}

/* A wave of a collector that is longer than the watch is a trend to it. */
static const char *with_garbage(const struct patient_case *kase, const char *text,
				struct zone *zone)
{
	const char *collector = kase->look ? kase->look->collector : NULL;
	char both[800];

	if (!collector)
		return zone_strdup(zone, text);
	snprintf(
		both, sizeof(both),
		"%s; garbage that the collector of %s has not freed yet may be in it: a longer watch tells",
		text, collector);
	return zone_strdup(zone, both);
}

static const char *reason_of_c_memory(const struct patient_case *kase,
				      const struct c_growth *growth, struct zone *zone)
{
	const struct c_stacks *stacks = &kase->c_stacks;
	char what[160], class[240], place[80], text[700], blocks[QUANTITY_SIZE],
		bytes[QUANTITY_SIZE];

	write_what_grows(kase, growth, what, sizeof(what));
	write_class(kase, class, sizeof(class));
	write_in_place(stacks, place, sizeof(place));
	if (stacks->blocks)
		snprintf(text, sizeof(text),
			 "%s block%s of %s in all %s made in %.0f s and not freed%s%s",
			 quantity_count(blocks, stacks->blocks), stacks->blocks == 1 ? "" : "s",
			 quantity_bytes(bytes, stacks->bytes), stacks->blocks == 1 ? "was" : "were",
			 stacks->seconds, place, class);
	else if (stacks->seconds > 0)
		snprintf(text, sizeof(text),
			 "%s%s; %s in the %.0f s in which its calls were recorded", what, class,
			 stacks->of_sizes ? "no stack kept blocks of such a size alone"
					  : "none that was made stayed",
			 stacks->seconds);
	else
		snprintf(text, sizeof(text), "%s%s; stack not watched: %s", what, class,
			 stacks->why          ? stacks->why
			 : growth->size_count ? "it showed too late for what could still be spent"
					      : "that it grows showed too late");
	return with_garbage(kase, text, zone);
}

/*
 * Up to what slowdown `record` has the stacks. Beyond it sees calls for moments, of which the sizes
 * of glibc's blocks tell what stays; of a CPython it leaves them out.
 */
static double recorded_percent(const struct patient_case *kase)
{
	if (kase->patient.is_python)
		return SHARE_PERCENT;
	return kase->other_malloc ? BUDGET_PERCENT : INFINITY;
}

static enum finding_advice advise(const struct patient_case *kase)
{
	const struct c_stacks *stacks = &kase->c_stacks;

	if (stacks->count || stacks->impossible)
		return ADVICE_NONE;
	if (stacks->why && !(stacks->slowdown_percent > 0))
		return ADVICE_GROWTH;
	return stacks->slowdown_percent > recorded_percent(kase) ? ADVICE_GROWTH : ADVICE_RECORD;
}

static bool find_sizes(const struct patient_case *kase, enum grown_need need,
		       struct c_growth *growth)
{
	return block_sizes_grown(&kase->sizes, kase->patient.is_python, need, growth);
}

/*
 * By sizes of which there are ever more. They may be Python's, where it has some of that size,
 * unless it was seen who makes them, or no container explains as much.
 */
static bool grows_by_sizes(const struct patient_case *kase, const struct answer *answer,
			   const struct finding *findings, size_t count, struct c_growth *growth)
{
	const struct c_stacks *stacks = &kase->c_stacks;
	bool seen = stacks->of_sizes && stacks->blocks;

	if (find_sizes(kase, seen ? GROWN_SURE : GROWN_OF_C, growth))
		return true;
	return find_sizes(kase, GROWN_SURE, growth) && answer->growth_known &&
	       unexplained_rate(answer, findings, count) >= growth->rate.value;
}

/* What malloc's live blocks grow by beyond what is explained. */
static bool find_c_memory(const struct patient_case *kase, const struct answer *answer,
			  struct finding *findings, size_t count)
{
	const struct c_stacks *stacks = &kase->c_stacks;
	struct c_growth growth = {0};
	bool by_bytes = c_memory_rate(kase, findings, count, &growth.rate) &&
			(c_memory_is_measured(kase)
				 ? is_possible(answer, findings, count, &growth.rate)
				 : is_unexplained(answer, findings, count, &growth.rate));

	if (!by_bytes && !grows_by_sizes(kase, answer, findings, count, &growth))
		return false;
	findings[count] = (struct finding){
		.verdict = VERDICT_GROWS,
		.rate = growth.rate,
		.subject = "C memory",
		.fills = stacks->fills,
		.fill_count = stacks->count,
		.evidence = EVIDENCE_MEMORY | (stacks->seconds > 0 ? EVIDENCE_PROBES : 0),
		.reason = reason_of_c_memory(kase, &growth, answer->zone),
		.advice = advise(kase),
	};
	return true;
}

static bool grows_by_bytes(struct patient_case *kase, struct rate *rate)
{
	struct zone *zone = zone_new();
	struct finding *findings = zone_alloc(zone, SUBJECTS_MAX, sizeof(*findings));
	size_t count =
		subjects_findings(&kase->subjects, kase->uptime_s, &kase->used, zone, findings);
	bool grows = c_memory_rate(kase, findings, count, rate);
	zone_free(zone);
	return grows;
}

bool case_c_growth(struct patient_case *kase, struct c_growth *growth)
{
	*growth = (struct c_growth){0};
	return grows_by_bytes(kase, &growth->rate) || find_sizes(kase, GROWN_MAYBE, growth);
}

static bool is_trivial(const struct finding *finding)
{
	bool sure = finding->fill_count || finding->verdict == VERDICT_LEAK;

	if (!sure && finding->holds_bytes && finding->holds_bytes < TINY_BYTES)
		return true;
	return finding->holds_bytes < TRIVIAL_BYTES &&
	       (!finding_explains_growth(finding) || finding->rate.high < TRIVIAL_RATE);
}

/* Where its heap as a whole tells nothing of it, it stands beside the growth. */
static bool find_survivors(const struct patient_case *kase, const struct answer *answer,
			   struct finding *finding)
{
	if (!java_case_finding(&kase->java, kase->uptime_s, answer->zone, finding))
		return false;
	finding->apart = !answer->growth_known || answer->growth.low <= 0;
	return true;
}

static size_t find_all(struct patient_case *kase, struct answer *answer, struct finding *findings)
{
	size_t found = subjects_findings(&kase->subjects, kase->uptime_s, &kase->used, answer->zone,
					 findings);
	size_t count = 0;

	for (size_t i = 0; i < found; i++)
		if (!is_trivial(&findings[i]))
			findings[count++] = findings[i];
	for (size_t i = 0; i < PART_COUNT; i++)
		count += verdict_of_part(i, kase->parts[i].items, kase->parts[i].count,
					 answer->zone, &findings[count]);
	count += verdict_of_shared(kase->shared.items, kase->parts[PART_SHARED].items,
				   kase->shared.count, answer->zone, &findings[count]);
	count += open_series_findings(&kase->open, answer->zone, &findings[count]);
	count += find_survivors(kase, answer, &findings[count]);
	count += find_c_memory(kase, answer, findings, count);
	return count;
}

/* Objects are counted more often than all else that is in use. */
static void sum_live(const struct patient_case *kase, struct series *live)
{
	*live = kase->live;
	if (!kase->patient.is_python || !kase->others.count)
		return;
	*live = kase->objects;
	for (size_t i = 0; i < live->count; i++)
		live->items[i].value += series_at(&kase->others, live->items[i].at_s);
}

/* Of a Python that is so busy that few looks are affordable, a tree of lxml for one is
 * known by its object alone. */
static const char *guess_in_malloc(const struct patient_case *kase, double left)
{
	const struct series *malloc_live = &kase->parts[PART_MALLOC_LIVE];
	double seconds = malloc_live->count ? malloc_live->items[malloc_live->count - 1].at_s -
						      malloc_live->items[0].at_s
					    : 0;

	if (!kase->patient.is_python || seconds <= 0 ||
	    series_rise(malloc_live) / seconds * HOUR_S < left / 2)
		return NULL;
	return "in blocks of malloc: what C code keeps, or Python's objects have behind them; too few "
	       "looks were affordable to say which: a longer watch tells";
}

/* Runtimes with a heap of their own (V8, Go, the JVM, PHP) map it themselves: a sentence that says
 * so where at least half of what is left unexplained is in such mappings. */
static const char *guess_unexplained(const struct patient_case *kase, const struct answer *answer,
				     double left)
{
	const struct look *look = kase->look;
	const char *name = look ? look_main_mapping(look) : NULL;
	bool of_allocator = name && anonymous_is_allocator(name);
	struct slope slope;
	static const char started[] = "in no container and from no line that was seen; a worker "
				      "that has just started takes in more than what it leaks";
	const struct series *anonymous = &kase->parts[PART_ANONYMOUS];
	const char *still = java_case_still(&kase->java);
	char text[300];

	if (!look || !slope_of_level(anonymous->items, anonymous->count, &slope) ||
	    slope.per_s * HOUR_S < left / 2)
		return kase->newcomer ? started : guess_in_malloc(kase, left);
	if (name && !strcmp(name, LOOK_STATIC_DATA))
		return "in static data (.bss) of the program or a library, touched for the first "
		       "time";
	if (name && !strcmp(name, LOOK_PLAIN_MAPPING))
		name = NULL;
	snprintf(text, sizeof(text), "in memory %s%s%.100s%s%s%s",
		 of_allocator ? "of its allocator" : "that it maps itself, not by malloc",
		 !name          ? ""
		 : of_allocator ? ": "
				: ": most of that is ",
		 name ?: "",
		 name && anonymous_is_collected(name)
			 ? ", garbage that its collector has not freed yet included"
			 : "",
		 still ? "; " : "", still ?: "");
	return zone_strdup(answer->zone, text);
}

double case_seen_s(const struct patient_case *kase)
{
	return kase->seen_s - kase->began_s;
}

struct answer *case_answer(struct patient_case *kase, double weight)
{
	struct answer *answer = answer_new();
	struct series *live = zone_alloc(answer->zone, 1, sizeof(*live));
	struct finding *findings;

	case_watch_end(kase);
	findings = zone_alloc(answer->zone, SUBJECTS_MAX + PART_COUNT + 5, sizeof(*findings));
	answer->pid = kase->patient.pid;
	answer->comm = zone_strdup(answer->zone, kase->patient.status.comm);
	answer->process_count = 1;
	answer->uptime_s = answer->look_uptime_s = kase->uptime_s;
	answer->watched_s = case_seen_s(kase);
	answer->look = kase->look;
	answer->open_known = kase->open.files.count > 0;
	answer->open = kase->open.last;
	answer->losses = kase->c_stacks.losses;
	answer->loss_count = kase->c_stacks.loss_count;
	if (kase->look) {
		answer->exe = kase->look->exe;
		answer->resident_bytes = kase->look->resident_bytes;
		answer->limit_bytes = kase->look->limit_bytes;
	}
	if (!answer->resident_bytes)
		answer->resident_bytes = case_resident(kase);
	sum_live(kase, live);
	answer_set_growth(answer, live->items, live->count, kase->resident.items,
			  kase->resident.count);
	size_t count = find_all(kase, answer, findings);
	answer->unexplained =
		guess_unexplained(kase, answer, unexplained_rate(answer, findings, count));
	answer->aside = java_case_still(&kase->java);
	c_memory_tell(kase);
	rate_scale(&answer->growth, weight);
	rate_scale(&answer->resident_growth, weight);
	for (size_t i = 0; i < count; i++)
		rate_scale(&findings[i].rate, weight);
	answer_set_findings(answer, findings, count);
	return answer;
}
