/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A leak and a cache that still fills look alike for a while: both grow, and nothing leaves
 * them. So `leak` is said only where more speaks for it than growth: there is no bound,
 * nothing was seen to leave, and the container has grown like this all its life, an hour or
 * more: its size is its rate times its age, within a factor of two. Else it is called `grows,
 * no bound seen`, ranked alike.
 *
 * A cache shows itself by a bound that it has not reached; by entries that leave; by a
 * miss rate that falls, as that of lru_cache(None) over a finite set of keys does; or by
 * growth that bends: during the watch, or against its whole life, where its size is more
 * than four times what the present rate would have made. What counts hits is a cache by
 * construction and never called a leak.
 *
 * A service of which less is asked fills everything more slowly, a leak too. So growth that becomes
 * slower by no more than the process's own work does, told by its processor time, bends by nothing
 * of its own. A cache whose misses are most of the work makes its process do less as it fills, and
 * cannot be told from that: both are called `grows, no bound seen`, and the reason says why.
 *
 * Limits: what was loaded at start and grows slowly since, or a leak under a load that has
 * fallen to a quarter, bends as well. A cache of a finite set of keys that is filled to less
 * than half is in proportion. A time to live longer than the uptime cannot be seen. So the
 * figures are in the reason.
 */
#include "verdict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/clock.h"
#include "../lib/quantity.h"
#include "leaving.h"
#include "misses.h"
#include "verdict_internal.h"

#define IN_PROPORTION 2.0
#define FAR_OFF       4.0
#define FULL_MOST     0.75 /* of the watch: longer is as good as all the time */
#define BENDS_LEAST   0.7  /* of its earlier rate: more is no bend */
#define WORK_LEAST_S  0.5  /* of processor time: by less, told in ticks, work cannot be compared */

enum {
	FEW_SAMPLES = 12,  /* whether it turns over does not show in fewer */
	STILL_ENTRIES = 8, /* fewer may all have come in one half by chance */
};

/* A sentence under construction; its text goes to a zone. */
struct sentence {
	FILE *file;
	char *text;
	size_t size;
};

static bool sentence_begin(struct sentence *sentence)
{
	*sentence = (struct sentence){0};
	sentence->file = open_memstream(&sentence->text, &sentence->size);
	return sentence->file;
}

static const char *sentence_end(struct sentence *sentence, struct zone *zone)
{
	const char *text = NULL;

	if (!fclose(sentence->file))
		text = zone_strdup(zone, sentence->text);
	free(sentence->text);
	return text;
}

static uint64_t last_length(const struct facts *facts)
{
	const struct container_history *history = facts->history;

	return history->count ? history->samples[history->count - 1].length : 0;
}

static bool knows_bytes(const struct container_history *history)
{
	for (size_t i = 0; i < history->count; i++)
		if (history->samples[i].bytes == LOOK_UNKNOWN)
			return false;
	return history->count > 0;
}

static void take_amounts(struct facts *facts)
{
	const struct container_history *history = facts->history;
	size_t last = history->count - 1;

	facts->count = history->count;
	facts->used = facts->amounts + facts->count;
	facts->of_bytes = knows_bytes(history) &&
			  history->samples[0].length == history->samples[last].length &&
			  history->samples[0].bytes != history->samples[last].bytes;
	for (size_t i = 0; i < facts->count; i++) {
		const struct container_sample *sample = &history->samples[i];

		facts->amounts[i].at_s = sample->at_s;
		facts->amounts[i].value =
			(double)(facts->of_bytes ? sample->bytes : sample->length);
		facts->used[i] = (struct sample){sample->at_s, sample->used_s};
	}
	facts->size = facts->amounts[last].value;
}

static void take_falls(struct facts *facts)
{
	facts->least = facts->most = facts->amounts[0].value;
	facts->most_at_s = facts->amounts[0].at_s;
	for (size_t i = 1; i < facts->count; i++) {
		facts->least = fmin(facts->least, facts->amounts[i].value);
		if (facts->amounts[i].value <= facts->most)
			continue;
		facts->most = facts->amounts[i].value;
		facts->most_at_s = facts->amounts[i].at_s;
	}
	double range = facts->most - facts->least;

	for (size_t i = 1; i < facts->count; i++) {
		double fall = facts->amounts[i - 1].value - facts->amounts[i].value;

		facts->fallen += fmax(fall, 0);
		facts->clears += range >= 8 && fall >= range / 2 && fall >= 0.3 * facts->most;
	}
}

/* Where it was looked at but once, what the watch saw has to do. */
static bool take_slope(struct facts *facts)
{
	const struct container_history *history = facts->history;
	struct sample watched[2] = {
		{0, 0}, {history->watched_s, (double)history->grown - (double)history->shrunk}};

	if (history->turns_over)
		return slope_of_level(facts->amounts, facts->count, &facts->slope);
	if (slope_of_counter(facts->amounts, facts->count, &facts->slope))
		return true;
	return slope_of_counter(watched, 2, &facts->slope);
}

/*
 * What entries come to and leave at random varies by the root of its size. Where it was looked at a
 * few times alone, and nobody watched whether any leave, that much is no growth.
 */
static bool may_be_chance(const struct facts *facts)
{
	const struct container_history *history = facts->history;

	return !facts->of_bytes && !history->stays && facts->count < FEW_SAMPLES &&
	       !(history->watched_s > 0) &&
	       facts->size - facts->amounts[0].value <= 3 * sqrt(facts->most);
}

/* Whether the process did less in the later half, and this grew as fast as before for what was
 * done. */
static bool falls_with_work(const struct facts *facts)
{
	double early, late, work = facts->used[facts->count - 1].value - facts->used[0].value;

	return work >= WORK_LEAST_S && slope_halves(facts->used, facts->count, &early, &late) &&
	       late < BENDS_LEAST * early &&
	       facts->late * early >= BENDS_LEAST * facts->early * late;
}

/* What is left each time that it is cleared is its size, and by that it grows. */
static void take_rising(struct facts *facts)
{
	if (facts->of_bytes || facts->history->turns_over ||
	    !rising_find(facts->amounts, facts->count, &facts->rising))
		return;
	facts->slope = facts->rising.slope;
	facts->size = facts->rising.left;
}

/* Returns false where nothing is known of its growth. */
static bool take_facts(struct facts *facts)
{
	const struct container_history *history = facts->history;

	take_amounts(facts);
	take_falls(facts);
	if (!take_slope(facts))
		return false;
	take_rising(facts);
	facts->grows = facts->slope.low > 0 && !may_be_chance(facts);
	facts->leaves = facts->fallen > 0 || history->shrunk || history->emptied;
	facts->bends = slope_bends(facts->amounts, facts->count, &facts->early, &facts->late);
	facts->of_work = facts->bends && falls_with_work(facts);
	facts->slower = slope_halves(facts->amounts, facts->count, &facts->early, &facts->late) &&
			facts->late < BENDS_LEAST * facts->early;
	facts->age_s = history->uptime_s;
	if (history->age_s > 0 && history->age_s < facts->age_s)
		facts->age_s = history->age_s;
	facts->share = facts->slope.per_s * facts->age_s / fmax(facts->size, 1);
	facts->share_high = facts->slope.high * facts->age_s / fmax(facts->size, 1);
	return true;
}

/*
 * The bytes that an entry brings: what the new ones brought, where there are enough of them; a dict
 * that has just doubled is kept from telling too much.
 */
static double bytes_of_entry(const struct facts *facts)
{
	const struct container_history *history = facts->history;

	if (facts->of_bytes)
		return 1;
	if (!knows_bytes(history) || !last_length(facts))
		return 0;
	const struct container_sample *first = &history->samples[0];
	const struct container_sample *last = &history->samples[history->count - 1];
	double mean = (double)last->bytes / (double)last->length;
	double entries = (double)last->length - (double)first->length;

	if (entries < 8)
		return mean;
	return fmin(fmax(((double)last->bytes - (double)first->bytes) / entries, mean / 4),
		    mean * 4);
}

static void take_rate(const struct facts *facts, struct finding *finding)
{
	double factor = bytes_of_entry(facts) * HOUR_S;
	const struct container_history *history = facts->history;

	finding->rate = (struct rate){facts->slope.per_s * factor, facts->slope.low * factor,
				      facts->slope.high * factor};
	if (history->samples[history->count - 1].bytes != LOOK_UNKNOWN)
		finding->holds_bytes = history->samples[history->count - 1].bytes;
	finding->watched_s = history->watched_s;
	if (history->count >= 2)
		finding->evidence |= EVIDENCE_MEMORY;
	if (history->watched_s > 0)
		finding->evidence |= EVIDENCE_WATCH;
}

static double elapsed(const struct facts *facts)
{
	return facts->amounts[facts->count - 1].at_s - facts->amounts[0].at_s;
}

/* For how long it has been as long as its bound allows, at the end of the watch. */
static double full_s(const struct facts *facts)
{
	size_t first = facts->count - 1;

	while (first && facts->amounts[first - 1].value >= (double)facts->history->bound)
		first--;
	return facts->amounts[facts->count - 1].at_s - facts->amounts[first].at_s;
}

/* It became full in the watch: a part of what grew is its, though no more will be. */
static bool judge_full(const struct facts *facts, FILE *reason, enum verdict *verdict)
{
	if (!facts->grows || facts->of_bytes || full_s(facts) > FULL_MOST * elapsed(facts))
		return false;
	fputs("full with ", reason);
	quantity_print_count(reason, last_length(facts));
	fputs(" entries for the last ", reason);
	quantity_print_span(reason, full_s(facts));
	*verdict = VERDICT_FILLING_CACHE;
	return true;
}

/* Returns false where it is none of the kinds of container that have a
 * bound, or was full before. */
static bool judge_bounded(const struct facts *facts, FILE *reason, enum verdict *verdict)
{
	uint64_t bound = facts->history->bound, length = last_length(facts);
	double per_s = facts->slower ? facts->late : facts->slope.per_s;

	if (length >= bound)
		return judge_full(facts, reason, verdict);
	if (!facts->grows || facts->of_bytes)
		return false;
	quantity_print_count(reason, length);
	fputs(" of ", reason);
	quantity_print_count(reason, bound);
	*verdict = VERDICT_FILLING_CACHE;
	if (per_s * elapsed(facts) < 2) {
		fputs(" entries, none new in the later half of the watch", reason);
		return true;
	}
	fputs(" entries: full in ", reason);
	quantity_print_span(reason, (double)(bound - length) / per_s);
	if (bytes_of_entry(facts) > 0) {
		fputs(", then ", reason);
		quantity_print_amount(reason,
				      (uint64_t)fmin((double)bound * bytes_of_entry(facts), 1e19));
	}
	return true;
}

static bool judge_sawtooth(const struct facts *facts, FILE *reason, enum verdict *verdict)
{
	if (!facts->clears)
		return false;
	fputs("between ", reason);
	reason_whole(reason, facts->least);
	fputs(" and ", reason);
	reason_whole(reason, facts->most);
	fprintf(reason, facts->of_bytes ? " bytes" : " entries");
	fprintf(reason, ", cleared %zu %s in ", facts->clears,
		facts->clears == 1 ? "time" : "times");
	quantity_print_span(reason, elapsed(facts));
	*verdict = VERDICT_SAWTOOTH;
	return true;
}

static bool judge_churn(const struct facts *facts, FILE *reason, enum verdict *verdict)
{
	if (facts->grows || !facts->leaves)
		return false;
	fputs("comes and goes", reason);
	reason_leaving(reason, facts);
	*verdict = VERDICT_CHURN;
	return true;
}

static bool judge_misses(const struct facts *facts, FILE *reason, enum verdict *verdict)
{
	double before, now;

	if (!misses_fall(facts->history, &before, &now))
		return false;
	reason_speed(reason, facts, facts->slope.per_s);
	fprintf(reason, ", misses %.2g %% now and %.2g %% before: its keys come to an end",
		100 * now, 100 * before);
	*verdict = VERDICT_FILLING_CACHE;
	return true;
}

static void print_young(const struct facts *facts, FILE *reason, enum verdict *verdict)
{
	fputs(", up only ", reason);
	quantity_print_span(reason, facts->history->uptime_s);
	*verdict = VERDICT_WARM_UP;
}

static bool judge_bend(const struct facts *facts, FILE *reason, enum verdict *verdict)
{
	if (!facts->bends || facts->of_work)
		return false;
	fputs("from ", reason);
	reason_speed(reason, facts, facts->early);
	fputs(" to ", reason);
	reason_speed(reason, facts, facts->late);
	fputs(" in ", reason);
	quantity_print_span(reason, elapsed(facts));
	if (facts->history->uptime_s < WARM_UP_S) {
		print_young(facts, reason, verdict);
	} else {
		fputs(": it fills up", reason);
		*verdict = VERDICT_FILLING_CACHE;
	}
	return true;
}

/* What a process takes in when it starts comes all at once, and then nothing. */
static bool judge_still(const struct facts *facts, FILE *reason, enum verdict *verdict)
{
	double last_s = facts->amounts[facts->count - 1].at_s;
	double grown = facts->most - facts->amounts[0].value;

	if (facts->history->uptime_s >= WARM_UP_S || facts->of_bytes || grown < STILL_ENTRIES ||
	    last_s - facts->most_at_s < elapsed(facts) / 2)
		return false;
	putc('+', reason);
	reason_whole(reason, grown);
	fputs(" entries, none in the last ", reason);
	quantity_print_span(reason, last_s - facts->most_at_s);
	print_young(facts, reason, verdict);
	return true;
}

/* Against its whole life: most of it came faster than what comes now. A young process has taken in
 * much at its start, whatever it is: there it has to become slower before our eyes as well. */
static bool judge_life(const struct facts *facts, FILE *reason, enum verdict *verdict)
{
	bool young = facts->age_s < WARM_UP_S;

	if (facts->share_high >= 1 / FAR_OFF || (young && !facts->slower))
		return false;
	reason_speed(reason, facts, facts->slope.per_s);
	fputs(" now, ", reason);
	reason_speed(reason, facts, facts->size / facts->age_s);
	fputs(" over its life", reason);
	if (young) {
		print_young(facts, reason, verdict);
		return true;
	}
	fputs(": it fills up", reason);
	*verdict = VERDICT_FILLING_CACHE;
	return true;
}

static bool is_in_proportion(const struct facts *facts)
{
	return facts->share >= 1 / IN_PROPORTION && facts->share <= IN_PROPORTION;
}

static bool forgets_some(const struct facts *facts)
{
	double first = facts->amounts[0].value, middle_s = facts->age_s - elapsed(facts) / 2;
	const struct leaving leaving = {
		.grown = facts->size - first,
		.fallen = facts->fallen,
		.share = facts->slope.per_s * middle_s / fmax((first + facts->size) / 2, 1),
	};

	return !facts->of_bytes && !facts->slower &&
	       leaving_is_of_some(facts->history, facts->slope.per_s, &leaving);
}

/* Some leave, but not enough: a sound cache would stand still by now. */
static bool judge_emptied(const struct facts *facts, FILE *reason, enum verdict *verdict)
{
	if (!facts->leaves)
		return false;
	reason_speed(reason, facts, facts->slope.per_s);
	reason_leaving(reason, facts);
	bool steady = facts->age_s >= HOUR_S && is_in_proportion(facts), some = forgets_some(facts);

	if (steady)
		reason_proportion(reason, facts);
	else if (some)
		fputs("; some stay, as many all the time", reason);
	*verdict = steady || some ? VERDICT_GROWS : VERDICT_FILLING_CACHE;
	return true;
}

static bool counts_hits(const struct facts *facts)
{
	return facts->history->samples[facts->history->count - 1].hits != LOOK_UNKNOWN;
}

static bool is_known_well(const struct facts *facts)
{
	return facts->slope.high <= 3 * facts->slope.low;
}

/* What speaks against calling it a leak yet; nothing where nothing does. Returns whether it is
 * one. */
static bool print_doubt(FILE *file, const struct facts *facts)
{
	if (counts_hits(facts)) {
		fputs("; a cache without a bound", file);
	} else if (facts->history->steady_s >= HOUR_S) {
		fputs("; so for ", file);
		quantity_print_span(file, facts->history->steady_s);
		return true;
	} else if (facts->age_s < HOUR_S) {
		fprintf(file, "; %s only ",
			facts->age_s < facts->history->uptime_s ? "there for" : "up");
		quantity_print_span(file, facts->age_s);
		fputs(": too young to tell it from a cache", file);
	} else if (!is_known_well(facts)) {
		fputs("; its rate is not known well: ", file);
		reason_speed(file, facts, facts->slope.low);
		fputs(" to ", file);
		reason_speed(file, facts, facts->slope.high);
	} else {
		reason_proportion(file, facts);
		return is_in_proportion(facts);
	}
	return false;
}

static bool judge_rising(const struct facts *facts, FILE *reason, enum verdict *verdict)
{
	if (!facts->rising.clears)
		return false;
	reason_speed(reason, facts, facts->slope.per_s);
	fprintf(reason, " stay: cleared %zu times in ", facts->rising.clears);
	quantity_print_span(reason, elapsed(facts));
	fputs(", and each time more is left", reason);
	*verdict = print_doubt(reason, facts) ? VERDICT_LEAK : VERDICT_GROWS;
	return true;
}

static bool judge_growth(const struct facts *facts, FILE *reason, enum verdict *verdict)
{
	if (!facts->grows)
		return false;
	reason_speed(reason, facts, facts->slope.per_s);
	reason_leaving(reason, facts);
	reason_watch(reason, facts->history);
	if (facts->of_work)
		fputs(", slower only as the process does less", reason);
	*verdict = print_doubt(reason, facts) ? VERDICT_LEAK : VERDICT_GROWS;
	return true;
}

static bool judge(const struct facts *facts, FILE *reason, enum verdict *verdict)
{
	if (facts->history->bound != LOOK_UNKNOWN)
		return judge_bounded(facts, reason, verdict);
	return judge_rising(facts, reason, verdict) || judge_sawtooth(facts, reason, verdict) ||
	       judge_churn(facts, reason, verdict) ||
	       (facts->grows && judge_misses(facts, reason, verdict)) ||
	       (facts->grows && judge_bend(facts, reason, verdict)) ||
	       (facts->grows && judge_still(facts, reason, verdict)) ||
	       (facts->grows && judge_life(facts, reason, verdict)) ||
	       judge_emptied(facts, reason, verdict) || judge_growth(facts, reason, verdict);
}

/* A sawtooth goes nowhere as far as it was seen. */
static void level_out(const struct facts *facts, struct finding *finding)
{
	double range = (facts->most - facts->least) / fmax(elapsed(facts), 1) * HOUR_S *
		       bytes_of_entry(facts);

	finding->rate = (struct rate){0, -range, range};
}

bool verdict_is_rising(const struct container_history *history)
{
	struct facts facts = {.history = history};

	if (!history->count)
		return false;
	facts.amounts = calloc(2 * history->count, sizeof(*facts.amounts));
	if (facts.amounts) {
		take_amounts(&facts);
		take_rising(&facts);
	}
	free(facts.amounts);
	return facts.rising.clears;
}

bool verdict_of_container(const struct container_history *history, struct zone *zone,
			  struct finding *finding)
{
	struct facts facts = {.history = history};
	struct sentence sentence;
	bool found = false;

	if (!history->count)
		return false;
	facts.amounts = calloc(2 * history->count, sizeof(*facts.amounts));
	if (facts.amounts && take_facts(&facts) && sentence_begin(&sentence)) {
		found = judge(&facts, sentence.file, &finding->verdict);
		const char *reason = sentence_end(&sentence, zone);

		if (found) {
			finding->reason = reason;
			take_rate(&facts, finding);
			if (finding->verdict == VERDICT_SAWTOOTH)
				level_out(&facts, finding);
		}
	}
	free(facts.amounts);
	return found;
}
