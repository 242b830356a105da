// SPDX-License-Identifier: BSD-2-Clause
#include "estimate.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../../bpf/rate.h"
#include "../lib/clock.h"
#include "calibration.h"
#include "keeper.h"
#include "rate.skel.h"

/*
 * What the ledger and the stack add to empty probes, as a share of these: `make bench` shows 1.3 to
 * 1.6, by how many blocks are live.
 */
#define TRACKING_FACTOR 1.5

/* On a busy machine probes cost more than in a moment of rest, but not more than so many times. */
#define COST_MAX_FACTOR 3.0

/* By how much the time for a call differs from one moment to the next without any probe. */
#define NOISE_FACTOR 1.25

enum { HITS_ENOUGH = 200, WINDOW_STEP_MS = 100 };

static struct rate_bpf *load_counters(enum attach_kind kind, struct failure *failure)
{
	enum attach_kind plain = kind == ATTACH_SESSION ? ATTACH_MULTI : kind;
	struct rate_bpf *skeleton = rate_bpf__open();
	int error = skeleton ? 0 : -errno;

	if (!error) {
		bpf_program__set_expected_attach_type(skeleton->progs.count_hit,
						      attach_kind_program_type(plain));
		bpf_program__set_expected_attach_type(skeleton->progs.ignore_return,
						      attach_kind_program_type(plain));
		error = rate_bpf__load(skeleton);
	}
	if (!error)
		return skeleton;
	rate_bpf__destroy(skeleton);
	failure_set(failure, STATUS_KERNEL, "cannot load the counting program: %s%s",
		    strerror(-error), error == -EPERM ? "; run as root" : "");
	return NULL;
}

static enum attach_kind plain_kind(enum attach_kind kind)
{
	return kind == ATTACH_SESSION ? ATTACH_MULTI : kind;
}

/* Of the quickest of several batches: other work on the machine makes the others slower. */
static double time_calls_ns(void (*function)(void))
{
	enum { BATCHES = 20, CALLS = 100 };
	double least = HUGE_VAL;

	for (int batch = 0; batch < BATCHES; batch++) {
		double start = clock_s(CLOCK_THREAD_CPUTIME_ID);

		for (int i = 0; i < CALLS; i++)
			function();
		least = fmin(least, (clock_s(CLOCK_THREAD_CPUTIME_ID) - start) * 1e9 / CALLS);
	}
	return least;
}

/* Nanoseconds that probes on a function of this process add to a call of it. */
static int measure_trap(struct keeper *keeper, enum attach_kind kind, int program_fd,
			bool at_return, int self_fd, const struct calibration_site *site,
			double *cost_ns)
{
	struct probe probe = {
		.file_offset = calibration_file_offset(site->function),
		.cookie = RATE_SITES_MAX, /* counted nowhere */
	};
	struct probe_set set = {
		.kind = plain_kind(kind),
		.program_fd = program_fd,
		.file_fd = self_fd,
		.pid = getpid(),
		.at_return = at_return,
		.probes = &probe,
		.count = 1,
	};
	double bare_ns = time_calls_ns(site->function);
	int error = probe.file_offset ? keeper_attach(keeper, &set) : -ENOENT;

	if (!error) {
		time_calls_ns(site->function);
		*cost_ns = time_calls_ns(site->function) - bare_ns;
		if (*cost_ns < 0)
			*cost_ns = 0;
	}
	keeper_release(keeper);
	return error;
}

static int measure_costs(struct keeper *keeper, const struct rate_bpf *skeleton,
			 enum attach_kind kind, struct trap_costs *costs)
{
	int count_fd = bpf_program__fd(skeleton->progs.count_hit);
	int return_fd = bpf_program__fd(skeleton->progs.ignore_return);
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int error = self < 0 ? -errno : 0;
	double both_ns = 0;

	for (int i = 0; !error && i <= SITE_STEPPED; i++)
		error = measure_trap(keeper, kind, count_fd, false, self, &calibration_sites[i],
				     &costs->entry_ns[i]);
	if (!error)
		error = measure_trap(keeper, kind, return_fd, true, self,
				     &calibration_sites[SITE_EMULATED], &both_ns);
	costs->return_ns = both_ns > costs->entry_ns[SITE_EMULATED]
				   ? both_ns - costs->entry_ns[SITE_EMULATED]
				   : 0;
	if (self >= 0)
		close(self);
	return error;
}

int estimate_trap_costs(enum attach_kind kind, struct trap_costs *costs, struct failure *failure)
{
	struct rate_bpf *skeleton = load_counters(kind, failure);
	struct keeper *keeper;
	int error;

	if (!skeleton)
		return -1;
	keeper = keeper_new();
	error = keeper ? measure_costs(keeper, skeleton, kind, costs) : -errno;
	keeper_free(keeper);
	rate_bpf__destroy(skeleton);
	if (error)
		return failure_set(failure, STATUS_KERNEL, "cannot measure what a probe costs: %s",
				   strerror(-error));
	return 0;
}

/* A file that takes no probes has no calls that count; where all are so, it is an error. */
static int attach_counters(struct keeper *keeper, const struct rate_bpf *skeleton,
			   enum attach_kind kind, pid_t pid, const struct allocators *allocators)
{
	uint64_t number = 0;
	size_t failed = 0;
	int error = 0;

	for (size_t i = 0; i < allocators->count; i++) {
		const struct allocator *allocator = &allocators->items[i];
		struct probe probes[RATE_SITES_MAX];
		struct probe_set set = {
			.kind = plain_kind(kind),
			.program_fd = bpf_program__fd(skeleton->progs.count_hit),
			.file_fd = allocator->fd,
			.pid = pid,
			.probes = probes,
		};

		while (set.count < allocator->entry_count && number < RATE_SITES_MAX) {
			probes[set.count].file_offset =
				allocator->entry_sites[set.count].file_offset;
			probes[set.count++].cookie = number++;
		}
		error = keeper_attach(keeper, &set);
		if (error == -ESRCH || (error && ++failed == allocators->count))
			return error;
	}
	return 0;
}

static double read_hits(int map_fd, uint32_t site)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t *by_cpu = cpus > 0 ? calloc((size_t)cpus, sizeof(*by_cpu)) : NULL;
	double sum = 0;

	if (by_cpu && !bpf_map_lookup_elem(map_fd, &site, by_cpu))
		for (int cpu = 0; cpu < cpus; cpu++)
			sum += (double)by_cpu[cpu];
	free(by_cpu);
	return sum;
}

/* Nanoseconds that exact tracing adds to one call. */
static double call_cost_ns(const struct trap_costs *costs, const struct site *site)
{
	double cost = costs->entry_ns[site->kind];

	if (PROBE_COOKIE_OP(site->cookie) == PROBE_FREE)
		return cost * TRACKING_FACTOR;
	if (site->function->flags & FUNCTION_THROWS)
		return cost + costs->entry_ns[SITE_STEPPED] * TRACKING_FACTOR;
	return (cost + costs->return_ns) * TRACKING_FACTOR;
}

double estimate_slowdown(double added_s, double cpu_used_s, double wall_s)
{
	double base = cpu_used_s > wall_s ? cpu_used_s : wall_s;

	return base > 0 ? added_s * 100 / base : 0;
}

bool estimate_nops_emulated(const struct trap_costs *costs)
{
	return costs->entry_ns[SITE_EMULATED_NOP] <
	       (costs->entry_ns[SITE_EMULATED] + costs->entry_ns[SITE_STEPPED]) / 2;
}

double estimate_typical_call_ns(const struct trap_costs *costs, enum site_kind kind)
{
	return (costs->entry_ns[kind] + costs->return_ns / 2) * TRACKING_FACTOR;
}

/* Always ran, or was ready to. */
static bool is_busy(const struct usage *usage, double wall_s)
{
	return usage->cpu_s + usage->waited_s > wall_s * 0.9;
}

static double left_of(double cpu_s, double taken_s)
{
	double left_s = cpu_s - taken_s;

	return left_s < cpu_s * 0.02 ? cpu_s * 0.02 : left_s;
}

double estimate_slowdown_under_probes(double added_s, double taken_s, const struct usage *usage,
				      double wall_s)
{
	double left_s = left_of(usage->cpu_s, taken_s);

	return is_busy(usage, wall_s) ? added_s * 100 / left_s
				      : estimate_slowdown(added_s, left_s, wall_s);
}

double estimate_overhead(double added_s, double used_s, double calls, double call_base_ns)
{
	double used_ns = calls ? used_s * 1e9 / calls : 0,
	       cost_ns = calls ? added_s * 1e9 / calls : 0;

	if (used_s <= 0)
		return 0;
	if (used_ns < NOISE_FACTOR * call_base_ns || !call_base_ns)
		return added_s * 100 / left_of(used_s, added_s);
	cost_ns = fmin(fmax(used_ns - call_base_ns, cost_ns), COST_MAX_FACTOR * cost_ns);
	return cost_ns * 100 / fmax(used_ns - cost_ns, fmin(call_base_ns, used_ns));
}

static size_t count_sites(const struct allocators *allocators)
{
	size_t total = 0;

	for (size_t i = 0; i < allocators->count; i++)
		total += allocators->items[i].entry_count;
	return total;
}

struct window_sums {
	double hits;
	double counting_s; /* time that the counting itself took */
	double added_s;    /* time that exact tracing of the same calls would have added */
};

static int fill_rates(struct estimate *estimate, int map_fd, const struct allocators *allocators,
		      struct window_sums *sums)
{
	uint32_t number = 0;

	estimate->rates = calloc(count_sites(allocators) + 1, sizeof(*estimate->rates));
	if (!estimate->rates)
		return -ENOMEM;
	for (size_t i = 0; i < allocators->count; i++) {
		const struct allocator *allocator = &allocators->items[i];

		for (size_t j = 0; j < allocator->entry_count; j++) {
			const struct site *site = &allocator->entry_sites[j];
			double hits = number < RATE_SITES_MAX ? read_hits(map_fd, number++) : 0;

			estimate->rates[estimate->rate_count++] =
				(struct site_rate){site, allocator, hits / estimate->window_s};
			sums->hits += hits;
			sums->counting_s += hits * estimate->costs.entry_ns[site->kind] / 1e9;
			sums->added_s += hits * call_cost_ns(&estimate->costs, site) / 1e9;
		}
	}
	return 0;
}

/* A busy target made fewer calls than it would have without the counting. */
static void conclude(struct estimate *estimate, const struct window_sums *sums,
		     const struct usage *usage)
{
	estimate->calls_per_s = sums->hits / estimate->window_s;
	if (is_busy(usage, estimate->window_s))
		estimate->calls_per_s *= usage->cpu_s / left_of(usage->cpu_s, sums->counting_s);
	estimate->cpu_used = usage->cpu_s / estimate->window_s;
	estimate->call_base_ns =
		sums->hits ? left_of(usage->cpu_s, sums->counting_s) * 1e9 / sums->hits : 0;
	estimate->call_cost_ns =
		sums->hits ? sums->added_s * 1e9 / sums->hits
			   : estimate_typical_call_ns(&estimate->costs, SITE_EMULATED);
	estimate->slowdown_percent = estimate_slowdown_under_probes(sums->added_s, sums->counting_s,
								    usage, estimate->window_s);
}

static void wait_ms(unsigned int ms)
{
	struct timespec length = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	nanosleep(&length, NULL);
}

static bool has_enough_hits(int map_fd, const struct allocators *allocators)
{
	size_t sites = count_sites(allocators);
	double hits = 0;

	for (uint32_t i = 0; i < sites && i < RATE_SITES_MAX && hits < HITS_ENOUGH; i++)
		hits += read_hits(map_fd, i);
	return hits >= HITS_ENOUGH;
}

/* What calls seldom is watched for longer: of a few calls no rate can be told. */
static void wait_window(int map_fd, const struct allocators *allocators,
			const struct estimate_window *window)
{
	unsigned int waited_ms = window->least_ms;

	wait_ms(window->least_ms);
	for (; waited_ms < window->most_ms && !has_enough_hits(map_fd, allocators);
	     waited_ms += WINDOW_STEP_MS)
		wait_ms(WINDOW_STEP_MS);
}

static int measure_window(struct estimate *estimate, const struct procfs *procfs,
			  struct keeper *keeper, const struct rate_bpf *skeleton,
			  enum attach_kind kind, pid_t pid, const struct allocators *allocators,
			  const struct estimate_window *window)
{
	int map_fd = bpf_map__fd(skeleton->maps.hits_by_site);
	struct usage used = {0}, before, after;
	struct window_sums sums = {0};
	double start;
	int error = attach_counters(keeper, skeleton, kind, pid, allocators);

	if (!error)
		error = usage_read(procfs, pid, &before);
	if (!error) {
		start = clock_s(CLOCK_MONOTONIC);
		wait_window(map_fd, allocators, window);
		estimate->window_s = clock_s(CLOCK_MONOTONIC) - start;
		error = usage_read(procfs, pid, &after);
	}
	if (!error) {
		usage_add(&used, &before, &after);
		error = fill_rates(estimate, map_fd, allocators, &sums);
	}
	if (!error)
		conclude(estimate, &sums, &used);
	keeper_release(keeper);
	return error;
}

int estimate_make(struct estimate *estimate, const struct procfs *procfs, enum attach_kind kind,
		  pid_t pid, const struct allocators *allocators,
		  const struct estimate_window *window, struct failure *failure)
{
	struct rate_bpf *skeleton = load_counters(kind, failure);
	struct keeper *keeper;
	int error;

	*estimate = (struct estimate){0};
	if (!skeleton)
		return -1;
	keeper = keeper_new();
	error = keeper ? measure_costs(keeper, skeleton, kind, &estimate->costs) : -errno;
	if (!error)
		error = measure_window(estimate, procfs, keeper, skeleton, kind, pid, allocators,
				       window);
	keeper_free(keeper);
	rate_bpf__destroy(skeleton);
	if (!error)
		return 0;
	estimate_release(estimate);
	if (error == -ESRCH)
		return failure_set(failure, STATUS_TARGET, "process %d is gone", (int)pid);
	return failure_set(failure, STATUS_KERNEL, "cannot count the calls of process %d: %s",
			   (int)pid, strerror(-error));
}

void estimate_release(struct estimate *estimate)
{
	free(estimate->rates);
	*estimate = (struct estimate){0};
}
