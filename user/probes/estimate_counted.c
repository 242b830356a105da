/* SPDX-License-Identifier: BSD-2-Clause */
#include "estimate_counted.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "overhead.h"

/*
 * What the ledger and the stack add to empty probes, as a share of these: `make bench` shows 1.3 to
 * 1.6, by how many blocks are live.
 */
#define TRACKING_FACTOR 1.5

size_t counted_sites(const struct allocator *allocator)
{
	return allocator->entry_count + allocator->return_count;
}

const struct site *counted_site(const struct allocator *allocator, size_t i)
{
	return i < allocator->entry_count ? &allocator->entry_sites[i]
					  : &allocator->return_sites[i - allocator->entry_count];
}

size_t counted_all(const struct allocators *allocators)
{
	size_t total = 0;

	for (size_t i = 0; i < allocators->count; i++)
		total += counted_sites(&allocators->items[i]);
	return total;
}

/* What the program adds to a call's probes; single-stepping does not make it dearer. */
static double tracking_ns(const struct trap_costs *costs, double returns)
{
	return (costs->entry_ns[SITE_EMULATED] + costs->return_ns * returns) *
	       (TRACKING_FACTOR - 1);
}

/*
 * Nanoseconds that exact tracing adds to one hit. What a function that may throw allocates is
 * recorded where it ends.
 */
static double hit_cost_ns(const struct trap_costs *costs, const struct site *site, bool at_return)
{
	double cost = costs->entry_ns[site->kind];

	if (site->function->flags & FUNCTION_THROWS)
		return at_return ? cost + tracking_ns(costs, 0) : cost;
	if (PROBE_COOKIE_OP(site->cookie) == PROBE_FREE)
		return cost + tracking_ns(costs, 0);
	return cost + costs->return_ns + tracking_ns(costs, 1);
}

/* The same where the calls of a function are seen at its direct sites. */
static double direct_cost_ns(const struct trap_costs *costs)
{
	return costs->entry_ns[SITE_EMULATED] + tracking_ns(costs, 0);
}

bool estimate_nops_emulated(const struct trap_costs *costs)
{
	return costs->entry_ns[SITE_EMULATED_NOP] <
	       (costs->entry_ns[SITE_EMULATED] + costs->entry_ns[SITE_STEPPED]) / 2;
}

double estimate_typical_call_ns(const struct trap_costs *costs, enum site_kind kind)
{
	return costs->entry_ns[kind] + costs->return_ns / 2 + tracking_ns(costs, 0.5);
}

struct sums {
	double hits;
	double sampled_hits; /* of these, those of functions whose share is sampled */
	double counting_s;   /* time that the counting itself took */
	double added_s;      /* time that exact tracing of the same calls would have added */
};

static void take_site(struct estimate *estimate, const struct counted *counted,
		      const struct site_rate *rate, double hits, struct sums *sums)
{
	const struct trap_costs *costs = &estimate->costs;
	const struct site *site = rate->site;
	double cost_ns = counted->direct && allocator_has_direct(rate->allocator, site->function)
				 ? direct_cost_ns(costs)
				 : hit_cost_ns(costs, site, rate->at_return);

	estimate->rates[estimate->rate_count++] = *rate;
	sums->hits += rate->at_return ? 0 : hits;
	sums->sampled_hits += !rate->at_return && sampling_sees(site) ? hits : 0;
	sums->counting_s += hits * costs->entry_ns[site->kind] / 1e9;
	sums->added_s += hits * cost_ns / 1e9;
}

static int take_sites(struct estimate *estimate, const struct counted *counted, struct sums *sums)
{
	size_t number = 0;

	estimate->rates = calloc(counted_all(counted->allocators) + 1, sizeof(*estimate->rates));
	if (!estimate->rates)
		return -ENOMEM;
	for (size_t i = 0; i < counted->allocators->count; i++) {
		const struct allocator *allocator = &counted->allocators->items[i];

		for (size_t j = 0; j < counted_sites(allocator); j++, number++) {
			double hits = number < counted->hit_count ? counted->hits[number] : 0;
			const struct site_rate rate = {
				.site = counted_site(allocator, j),
				.allocator = allocator,
				.at_return = j >= allocator->entry_count,
				.calls_per_s = hits / estimate->window_s,
			};

			take_site(estimate, counted, &rate, hits, sums);
		}
	}
	return 0;
}

/*
 * One that has always something to run takes no more processors than before: it gets less done.
 * Where the counting took the larger part of what was used, what it left (`left_s`) says less than
 * the time without any probe.
 */
static void share_out(struct estimate *estimate, const struct sums *sums, const struct usage *usage,
		      double left_s, bool full)
{
	const struct usage *unprobed = &estimate->unprobed;

	if (full) {
		estimate->cpu_percent = estimate->slowdown_percent;
		return;
	}
	estimate->core_percent = sums->added_s * 100 / estimate->window_s;
	if (left_s > sums->counting_s && usage->cpu_s >= OVERHEAD_CPU_ENOUGH_S)
		estimate->cpu_percent = sums->added_s * 100 / left_s;
	else if (unprobed->cpu_s >= OVERHEAD_CPU_ENOUGH_S)
		estimate->cpu_percent = estimate->core_percent * unprobed->wall_s / unprobed->cpu_s;
}

/* What a call takes by the share of the time that its function does: 0: cannot be told. */
static double sampled_call_ns(const struct estimate *estimate, const struct sums *sums,
			      const struct sample_share *share)
{
	if (!share->inside || !sums->hits)
		return 0;
	return sampling_call_ns(share, estimate->costs.pair_ns) * sums->sampled_hits / sums->hits;
}

/* A busy target made fewer calls than it would have without the counting. */
static void conclude(struct estimate *estimate, const struct sums *sums, const struct usage *usage,
		     const struct sample_share *share)
{
	double left_s = overhead_left(usage->cpu_s, sums->counting_s), more = 1;
	bool full = overhead_is_full(usage, estimate->window_s);

	estimate->calls_per_s = sums->hits / estimate->window_s;
	estimate->cpu_used = usage->cpu_s / estimate->window_s;
	if (sums->hits) {
		estimate->call_base_ns = overhead_call_base(
			usage->cpu_s * 1e9 / sums->hits, sums->counting_s * 1e9 / sums->hits,
			sampled_call_ns(estimate, sums, share), share->inside);
		left_s = estimate->call_base_ns * sums->hits / 1e9;
	}
	if (full) {
		more = overhead_more(usage, &estimate->unprobed);
		full = !more || more * left_s > estimate->window_s;
		more = full ? usage->cpu_s / fmin(left_s, usage->cpu_s) : more;
	}
	estimate->calls_per_s *= more;
	estimate->call_cost_ns =
		sums->hits ? sums->added_s * 1e9 / sums->hits
			   : estimate_typical_call_ns(&estimate->costs, SITE_EMULATED);
	estimate->slowdown_percent =
		overhead_slowdown(full ? sums->added_s : more * sums->added_s,
				  full ? left_s : more * left_s, full, estimate->window_s);
	share_out(estimate, sums, usage, left_s, full);
	overhead_take_left(&estimate->unprobed, usage, left_s, sums->counting_s);
}

int estimate_conclude(struct estimate *estimate, const struct counted *counted)
{
	struct sums sums = {0};
	int error;

	estimate->window_s = counted->used.wall_s;
	error = take_sites(estimate, counted, &sums);
	if (!error)
		conclude(estimate, &sums, &counted->used, &counted->share);
	return error;
}

const char *estimate_cost_text(const struct estimate *estimate, char text[ESTIMATE_COST_SIZE])
{
	double cpu = estimate->cpu_percent, core = estimate->core_percent;
	int size = 0;

	if (cpu > 0)
		size = snprintf(text, ESTIMATE_COST_SIZE, "about %.*f %% to its CPU time%s",
				cpu < 10 ? 1 : 0, cpu, core > 0 ? ", " : "");
	if (cpu <= 0 || core > 0)
		snprintf(text + size, ESTIMATE_COST_SIZE - (size_t)size, "%s%.*f %% of a core",
			 size ? "" : "about ", core < 10 ? 1 : 0, core);
	return text;
}
