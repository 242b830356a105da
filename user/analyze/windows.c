/* SPDX-License-Identifier: BSD-2-Clause */
#include "windows.h"

#include <math.h>
#include <stdlib.h>

#define Z95             1.96
#define Z_VERDICT       2.58 /* of 99 % */
#define REACH_SURE      2    /* times that of 95 %: about four standard errors */
#define FACTOR_SLACK    1.25 /* by so much more a block may stand for than it is thought to */
#define COST_SLACK      1.35 /* a probe costs more in a window than at rest: caches are cold */
#define SLOWED_MOST     1000.0
#define SAMPLES_LEAST   3
#define STEADY_SHARE    0.05 /* of what a stack allocates: less that stays is steady */
#define SMALL_SHARE     0.1  /* of what a size grows by: less is no stack to look for */
#define BIRTHS_STEADY   100
#define SECONDS_AN_HOUR 3600.0

/*
 * Chunks that are kept add up, so that the growth is the whole rise, and its error that of the mean
 * of the steps: what comes and goes makes steps that take each other back, and the error too large.
 */
bool window_class_measure(struct window_class *class, const struct sample *samples, size_t count)
{
	double early, late;
	struct slope slope;

	*class = (struct window_class){0};
	if (count < SLOPE_LEAST || !slope_of_counter(samples, count, &slope) ||
	    !slope_halves(samples, count, &early, &late))
		return false;
	class->known = true;
	class->per_s = slope.per_s;
	class->low = slope.low;
	class->high = slope.high;
	class->least = slope.per_s - REACH_SURE * (slope.per_s - slope.low);
	class->grows = class->least > 0 && early > 0 && late > 0;
	return true;
}

double windows_slowed(double call_ns, const struct call_times *times)
{
	double left_ns = fmax(call_ns - times->cost_ns * COST_SLACK, fmax(times->least_ns, 1));
	double by_base = times->base_ns > 0 ? call_ns / times->base_ns : 1;

	return fmin(fmax(fmax(call_ns / left_ns, by_base), 1), SLOWED_MOST);
}

double windows_factor(double first_cpu_s, double total_cpu_s, double slowed)
{
	return first_cpu_s > 0 ? fmax(total_cpu_s / first_cpu_s, 1) * fmax(slowed, 1) : 0;
}

/* Garwood's upper bound of a mean of which so many came, by Wilson and Hilferty's approximation. */
static double chance_high(double events, double z)
{
	double n = events + 1;

	return n * pow(1 - 1 / (9 * n) + z / (3 * sqrt(n)), 3);
}

/*
 * The lower end of what is left of a size's growth without the others: of a difference of two
 * numbers with intervals of their own, whose errors are apart (Zou and Donner 2008).
 */
static double left_at_least(const struct window_class *class, double others)
{
	double gone = class->factor * others;
	double reach = (class->per_s - class->low) * class->seconds;
	double more = class->factor * chance_high(others, Z95) - gone;

	return class->per_s * class->seconds - gone - sqrt(reach * reach + more * more);
}

/* What one stack may have of what one size grew by, in blocks. */
struct part {
	double point, low, high;
	bool grows;
	bool small; /* it cannot be what its size grows by */
};

static struct part judge_part(const struct window_class *class, double own, double all)
{
	double factor = class->factor, seconds = class->seconds, others = all - own;
	double own_most = factor * FACTOR_SLACK * chance_high(own, Z95);
	double surely =
		class->least * seconds - factor * FACTOR_SLACK * chance_high(others, Z_VERDICT);
	struct part part = {
		.low = fmax(left_at_least(class, others), 0),
		.high = class->known ? fmin(class->high * seconds, own_most) : own_most,
		.grows = class->grows && own >= SAMPLES_LEAST && surely > 0,
	};

	part.high = fmax(part.high, 0);
	part.low = fmin(part.low, part.high);
	part.point = fmin(fmax(class->per_s * seconds * own / all, part.low), part.high);
	part.small =
		class->known && (!class->grows || part.high < SMALL_SHARE * class->low * seconds);
	return part;
}

/* What is known of a stack so far. */
struct judged_stack {
	bool grows;
	bool dubious; /* it may be what a size grows by, or it is not known whether that grows, */
	bool suspect; /* and it is known */
	double most_blocks;
};

static void add_part(const struct window_pair *pair, const struct part *part, double seconds,
		     bool known, struct stack_growth *growth, struct judged_stack *stack)
{
	double each = (double)pair->bytes / (double)pair->blocks;
	double to_rate = each * SECONDS_AN_HOUR / seconds;

	growth->samples += pair->blocks;
	growth->high += part->high * to_rate;
	stack->most_blocks += part->high;
	stack->dubious |= !part->small;
	stack->suspect |= !part->small && known;
	stack->grows |= part->grows;
	if (!part->grows)
		return;
	growth->bytes_per_hour += part->point * to_rate;
	growth->low += part->low * to_rate;
	growth->blocks += (uint64_t)llround(part->point);
}

/* `births` as they were seen, of which each stands for `factor`. */
static enum growth_verdict verdict_of(const struct judged_stack *stack, double births,
				      double factor)
{
	if (stack->grows)
		return GROWTH_GROWS;
	if (!stack->dubious && births >= BIRTHS_STEADY &&
	    stack->most_blocks <= STEADY_SHARE * births * factor)
		return GROWTH_STEADY;
	return GROWTH_UNTOLD;
}

static uint64_t sum_class(const struct window_evidence *evidence, size_t first)
{
	uint64_t sum = 0;

	for (size_t i = first;
	     i < evidence->pair_count && evidence->pairs[i].class == evidence->pairs[first].class;
	     i++)
		sum += evidence->pairs[i].blocks;
	return sum;
}

void windows_judge(const struct window_evidence *evidence, const uint64_t *births,
		   struct stack_growth *growth, size_t row_count)
{
	struct judged_stack *stacks = calloc(row_count + 1, sizeof(*stacks));
	uint64_t all = 0;

	for (size_t i = 0; stacks && i < evidence->pair_count; i++) {
		const struct window_pair *pair = &evidence->pairs[i];
		const struct window_class *class = &evidence->classes[pair->class];

		if (!i || pair->class != pair[-1].class)
			all = sum_class(evidence, i);
		struct part part = judge_part(class, (double)pair->blocks, (double)all);

		add_part(pair, &part, evidence->seconds, class->known, &growth[pair->row],
			 &stacks[pair->row]);
	}
	for (size_t row = 0; stacks && row < row_count; row++) {
		if (!growth[row].samples)
			stacks[row].most_blocks = evidence->factor * chance_high(0, Z95);
		growth[row].verdict = verdict_of(&stacks[row], (double)births[row],
						 evidence->factor / 2); /* births of both halves */
		growth[row].suspect = growth[row].verdict == GROWTH_UNTOLD && stacks[row].suspect;
	}
	free(stacks);
}
