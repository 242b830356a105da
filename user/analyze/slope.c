/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rates of short series, five to a few hundred samples.
 *
 * Memory in use is a level with noise upon it: requests come and go, a collection takes away what
 * had piled up. One outlier turns a least-squares line. So the rate is the median of the slopes
 * between all pairs of samples (Theil 1950; Sen, "Estimates of the regression coefficient based on
 * Kendall's tau", J. Am. Stat. Assoc. 63, 1968), which a quarter of wild samples does not move.
 * Sen's interval needs no normal noise either: the true slope lies between the M-th smallest and
 * the M-th largest of the N pairwise slopes with a probability that follows from the distribution
 * of Kendall's S, the number of pairs that rise less those that fall. That distribution is known
 * exactly (inversions of a random permutation), and is close to a normal one of variance
 * n(n-1)(2n+5)/18, less for ties, for longer series. The same S tests for a trend (Mann 1945,
 * Kendall).
 *
 * Both assume samples that know nothing of each other. Memory remembers: garbage piles up from one
 * sample to the next until it is collected. Samples that follow each other so are worth fewer. The
 * correlation of neighbours is estimated from what the slope leaves over, freed of the bias that it
 * has in short series (removing a line takes (2 + 4 rho) / n from it), and the variance of S is
 * widened by (1 + rho) / (1 - rho), as of a first-order autoregression (Yue and Wang, "The
 * Mann-Kendall test modified by effective sample size", Water Resour. Manage. 18, 2004).
 *
 * The length of a container that nothing leaves is no level but a sum: each sample holds all of the
 * earlier ones, and what is independent are the steps. Its rate is the whole growth over the whole
 * time, its error that of the mean of the steps, and never below that of events by chance.
 *
 * Limits: a wave longer than the series is a trend to both. A caller who knows that a full
 * collection falls into it, or how old the process is, knows more.
 */
#include "slope.h"

#include <math.h>
#include <stdlib.h>

#define Z95 1.959964

enum { EXACT_MOST = 60, EXACT_PAIRS = EXACT_MOST * (EXACT_MOST - 1) / 2 };

static int compare_doubles(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

static double median_of_sorted(const double *values, size_t count)
{
	return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* The probability of each number of inversions of `n` different values in random order. */
static void inversions(size_t n, double *probability)
{
	size_t most = 0;

	probability[0] = 1;
	for (size_t i = 2; i <= n; i++) {
		double before[EXACT_PAIRS + 1], sum = 0;

		for (size_t k = 0; k <= most; k++)
			before[k] = probability[k];
		for (size_t k = 0; k <= most + i - 1; k++) {
			sum += k <= most ? before[k] : 0;
			sum -= k >= i ? before[k - i] : 0;
			probability[k] = sum / (double)i;
		}
		most += i - 1;
	}
}

/* The smallest k with P(S >= k) <= 0.025; more than all pairs where there is none. */
static double exact_critical(size_t n)
{
	double probability[EXACT_PAIRS + 1], tail = 0;
	long pairs = (long)(n * (n - 1) / 2), k = 0;

	inversions(n, probability);
	while (k <= pairs && tail + probability[k] <= 0.025)
		tail += probability[k++];
	return (double)(pairs - 2 * k + 2);
}

/* P(|S| >= |s|). */
static double exact_p(size_t n, double s)
{
	double probability[EXACT_PAIRS + 1], tail = 0;
	long pairs = (long)(n * (n - 1) / 2);
	long least = (long)((double)pairs - fabs(s)) / 2;

	inversions(n, probability);
	for (long k = 0; k <= least; k++)
		tail += probability[k];
	return fmin(1, 2 * tail);
}

/* The variance of S. Ties carry less; `ties` says whether there are any. */
static double variance_of(const struct sample *samples, size_t n, double *values, bool *ties)
{
	double variance = (double)n * (double)(n - 1) * (double)(2 * n + 5);

	for (size_t i = 0; i < n; i++)
		values[i] = samples[i].value;
	qsort(values, n, sizeof(*values), compare_doubles);
	*ties = false;
	for (size_t i = 0, next; i < n; i = next) {
		for (next = i + 1; next < n && values[next] == values[i];)
			next++;
		double t = (double)(next - i);

		variance -= t * (t - 1) * (2 * t + 5);
		*ties |= next - i > 1;
	}
	return variance / 18;
}

/* How much wider S varies because samples resemble their neighbours: 1 or more. */
static double widening(const struct sample *samples, size_t n, double per_s)
{
	double mean = 0, own = 0, shared = 0, last = 0;

	if (n < 8)
		return 1;
	for (size_t i = 0; i < n; i++)
		mean += samples[i].value - per_s * samples[i].at_s;
	mean /= (double)n;
	for (size_t i = 0; i < n; i++) {
		double rest = samples[i].value - per_s * samples[i].at_s - mean;

		own += rest * rest;
		shared += i ? rest * last : 0;
		last = rest;
	}
	double rho = own > 0 ? shared / own : 0;

	rho = ((double)n * rho + 2) / ((double)n - 4);
	rho = fmin(fmax(rho, 0), 0.95);
	return (1 + rho) / (1 - rho);
}

/* All slopes between two samples of different times, sorted; S as a by-product. */
static size_t pair_up(const struct sample *samples, size_t n, double *slopes, double *s)
{
	size_t pairs = 0;

	*s = 0;
	for (size_t i = 0; i < n; i++) {
		for (size_t j = i + 1; j < n; j++) {
			double elapsed = samples[j].at_s - samples[i].at_s;
			double rise = samples[j].value - samples[i].value;

			if (!(elapsed > 0))
				continue;
			slopes[pairs++] = rise / elapsed;
			*s += (rise > 0) - (rise < 0);
		}
	}
	qsort(slopes, pairs, sizeof(*slopes), compare_doubles);
	return pairs;
}

/* Every k-th sample of a series that is longer than it needs to be. */
static size_t thin(const struct sample **samples, size_t count, struct sample *thinned)
{
	if (count <= SLOPE_MOST)
		return count;
	for (size_t i = 0; i < SLOPE_MOST; i++)
		thinned[i] = (*samples)[i * (count - 1) / (SLOPE_MOST - 1)];
	*samples = thinned;
	return SLOPE_MOST;
}

static bool fit(const struct sample *samples, size_t n, double *slopes, struct slope *slope)
{
	double values[SLOPE_MOST], s;
	bool ties;
	double variance = variance_of(samples, n, values, &ties);
	size_t pairs = pair_up(samples, n, slopes, &s);

	if (pairs < n * (n - 1) / 2)
		return false;
	double per_s = median_of_sorted(slopes, pairs);
	double wider = widening(samples, n, per_s);
	bool exact = n <= EXACT_MOST && (!ties || n <= 10);
	double reach = exact ? exact_critical(n) - 2 : Z95 * sqrt(variance);
	double first = fmax(floor(((double)pairs - reach * sqrt(wider)) / 2), 1);
	double z = variance > 0 ? fmax(fabs(s) - 1, 0) / sqrt(variance * wider) : 0;

	*slope = (struct slope){
		.per_s = per_s,
		.low = slopes[(size_t)first - 1],
		.high = slopes[pairs - (size_t)first],
		.p = exact && !ties && wider == 1 ? exact_p(n, s) : erfc(z / M_SQRT2),
	};
	return true;
}

bool slope_of_level(const struct sample *samples, size_t count, struct slope *slope)
{
	struct sample thinned[SLOPE_MOST];
	size_t n = thin(&samples, count, thinned);

	if (n < SLOPE_LEAST)
		return false;
	double *slopes = malloc(n * (n - 1) / 2 * sizeof(*slopes));
	bool fits = slopes && fit(samples, n, slopes, slope);

	free(slopes);
	return fits;
}

/* Student's t for 95 % of both sides; Cornish and Fisher's expansion beyond the table. */
static double student(size_t freedom)
{
	static const double table[] = {0, 12.706, 4.303, 3.182, 2.776, 2.571};
	double z = Z95, n = (double)freedom;

	if (freedom < sizeof(table) / sizeof(table[0]))
		return table[freedom];
	return z + (pow(z, 3) + z) / (4 * n) +
	       (5 * pow(z, 5) + 16 * pow(z, 3) + 3 * z) / (96 * n * n);
}

/* Garwood's interval for events by chance, by Wilson and Hilferty's approximation. */
static double chance_low(double events)
{
	double root = 1 - 1 / (9 * events) - Z95 / (3 * sqrt(events));

	return events > 0 && root > 0 ? events * pow(root, 3) : 0;
}

static double chance_high(double events)
{
	double n = fmax(events, 0) + 1;

	return n * pow(1 - 1 / (9 * n) + Z95 / (3 * sqrt(n)), 3);
}

/* The standard error of a counter's rate, from the spread of its steps; negative: unknown. */
static double error_of_steps(const struct sample *samples, size_t count, double rate, double span)
{
	double sum = 0;

	if (count < 4)
		return -1;
	for (size_t i = 1; i < count; i++) {
		double elapsed = samples[i].at_s - samples[i - 1].at_s;
		double step = samples[i].value - samples[i - 1].value;

		if (!(elapsed > 0))
			return -1;
		sum += (step - rate * elapsed) * (step - rate * elapsed) / elapsed;
	}
	return sqrt(sum / (double)(count - 2) / span);
}

static bool ever_falls(const struct sample *samples, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (samples[i].value < samples[i - 1].value)
			return true;
	return false;
}

bool slope_of_counter(const struct sample *samples, size_t count, struct slope *slope)
{
	double span = count >= 2 ? samples[count - 1].at_s - samples[0].at_s : 0;

	if (!(span > 0))
		return false;
	double net = samples[count - 1].value - samples[0].value, rate = net / span;
	double error = error_of_steps(samples, count, rate, span);
	double reach = error >= 0 ? student(count - 2) * error : 0;
	double low = fmin(rate - reach, (net - 1) / span);
	double high = fmax(rate + reach, (net + 1) / span);
	bool falls = ever_falls(samples, count);

	if (error < 0 || (low <= 0 && !falls)) {
		low = falls ? fmin(low, (net - chance_high(fabs(net))) / span)
			    : chance_low(net) / span;
		high = fmax(high, chance_high(net) / span);
	}
	*slope = (struct slope){.per_s = rate, .low = low, .high = high, .p = 1};
	return true;
}

/* The square of the error, and not less than that of events by chance at the rate of both
 * halves. */
static double half_variance(const struct sample *samples, size_t count, double rate, double both)
{
	double span = samples[count - 1].at_s - samples[0].at_s;
	double error = error_of_steps(samples, count, rate, span);

	return error < 0 ? -1 : fmax(error * error, both / span);
}

static double rate_between(const struct sample *first, const struct sample *last)
{
	return (last->value - first->value) / (last->at_s - first->at_s);
}

bool slope_halves(const struct sample *samples, size_t count, double *early, double *late)
{
	size_t middle = count / 2;

	if (count < 4 || !(samples[middle].at_s > samples[0].at_s) ||
	    !(samples[count - 1].at_s > samples[middle].at_s))
		return false;
	*early = rate_between(&samples[0], &samples[middle]);
	*late = rate_between(&samples[middle], &samples[count - 1]);
	return true;
}

bool slope_bends(const struct sample *samples, size_t count, double *early, double *late)
{
	size_t middle = count / 2;

	if (count < 10 || !slope_halves(samples, count, early, late))
		return false;
	double both = fmax(rate_between(&samples[0], &samples[count - 1]), 0);
	double first = half_variance(samples, middle + 1, *early, both);
	double second = half_variance(samples + middle, count - middle, *late, both);

	if (first < 0 || second < 0 || *late >= 0.7 * *early)
		return false;
	return *early - *late > student(count / 2 - 1) * sqrt(first + second);
}
