/* SPDX-License-Identifier: BSD-2-Clause */
#include "estimate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../../bpf/rate.h"
#include "../lib/clock.h"
#include "estimate_counted.h"
#include "keeper.h"
#include "rate.skel.h"
#include "sampling.h"
#include "window.h"

enum { WINDOW_STEP_MS = 100, UNPROBED_MS = 200, UNPROBED_MOST_MS = 2000 };

static enum attach_kind plain_kind(enum attach_kind kind)
{
	return kind == ATTACH_SESSION ? ATTACH_MULTI : kind;
}

/* `count` processes with so many sites in all. */
static struct rate_bpf *load_counters(enum attach_kind kind, size_t count, uint32_t sites,
				      struct failure *failure)
{
	struct rate_bpf *skeleton = rate_bpf__open();
	int error = skeleton ? 0 : -errno;

	if (!error) {
		bpf_program__set_expected_attach_type(skeleton->progs.count_hit,
						      attach_kind_program_type(plain_kind(kind)));
		bpf_program__set_expected_attach_type(skeleton->progs.ignore_return,
						      attach_kind_program_type(plain_kind(kind)));
		bpf_map__set_max_entries(skeleton->maps.first_site_by_pid, (uint32_t)count + 1);
		bpf_map__set_max_entries(skeleton->maps.hits_by_site, sites + 1);
		error = rate_bpf__load(skeleton);
	}
	if (!error)
		return skeleton;
	rate_bpf__destroy(skeleton);
	failure_set(failure, STATUS_KERNEL, "cannot load the counting program: %s%s",
		    strerror(-error), error == -EPERM ? "; run as root" : "");
	return NULL;
}

static int measure_costs(struct keeper *keeper, const struct rate_bpf *skeleton,
			 enum attach_kind kind, struct trap_costs *costs)
{
	const struct calibration calibration = {
		.keeper = keeper,
		.kind = plain_kind(kind),
		.count_fd = bpf_program__fd(skeleton->progs.count_hit),
		.return_fd = bpf_program__fd(skeleton->progs.ignore_return),
	};

	return calibration_measure(&calibration, costs);
}

int estimate_trap_costs(enum attach_kind kind, struct trap_costs *costs, struct failure *failure)
{
	struct rate_bpf *skeleton = load_counters(kind, 0, 0, failure);
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

/* Those that are counted apart. */
static uint32_t count_sites(const struct allocators *allocators)
{
	size_t total = counted_all(allocators);

	return total < RATE_SITES_MAX ? (uint32_t)total : RATE_SITES_MAX;
}

/*
 * For one process, or (pid 0) for all. A file that takes no probes has no calls that count; where
 * all are so, it is an error.
 */
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

		while (set.count < counted_sites(allocator) && number < RATE_SITES_MAX) {
			probes[set.count].file_offset =
				counted_site(allocator, set.count)->file_offset;
			probes[set.count++].cookie = number++;
		}
		error = keeper_attach(keeper, keeper_group(keeper), &set);
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

static void wait_ms(struct loop *loop, unsigned int ms)
{
	loop_rest(loop, clock_ns(CLOCK_MONOTONIC) + UINT64_C(1000000) * ms);
}

/* So far, or as many of them as are enough. */
static double count_hits(int map_fd, const struct estimate_subject *subject)
{
	uint32_t sites = count_sites(subject->allocators);
	double hits = 0;

	for (uint32_t i = 0; i < sites && hits < WINDOW_CALLS_ENOUGH; i++)
		hits += read_hits(map_fd, subject->first_site + i);
	return hits;
}

/* What is counted, and with what. */
struct counting {
	const struct estimate_request *request;
	struct estimate_subject *subjects;
	size_t count;
	struct rate_bpf *skeleton;
	struct keeper *keeper;
	struct sampling *sampling;
};

/* Whether it is of no use to watch it any longer; one that has ended is watched no more. */
static bool is_seen_enough(const struct counting *counting, const struct estimate_subject *subject,
			   double passed_s)
{
	struct window_seen seen = {
		.calls = count_hits(bpf_map__fd(counting->skeleton->maps.hits_by_site), subject)};
	struct usage used = subject->estimate.unprobed, now;

	if (seen.calls < WINDOW_CALLS_ENOUGH) {
		if (usage_read(counting->request->procfs, subject->pid, &now))
			return true;
		usage_add(&used, &subject->before, &now);
		seen.busy_s = used.cpu_s + used.waited_s;
		seen.wall_s = used.wall_s;
	}
	return window_is_enough(&seen, passed_s);
}

static bool are_seen_enough(const struct counting *counting, unsigned int passed_ms)
{
	for (size_t i = 0; i < counting->count; i++)
		if (!counting->subjects[i].error &&
		    !is_seen_enough(counting, &counting->subjects[i], passed_ms / 1000.0))
			return false;
	return true;
}

static void wait_window(const struct counting *counting)
{
	const struct estimate_window *window = &counting->request->window;
	unsigned int waited_ms = window->least_ms;

	wait_ms(counting->request->loop, window->least_ms);
	for (; waited_ms < window->most_ms && !are_seen_enough(counting, waited_ms);
	     waited_ms += WINDOW_STEP_MS)
		wait_ms(counting->request->loop, WINDOW_STEP_MS);
}

/* With probes for everyone those on an earlier subject's files serve this one too. */
static const struct estimate_subject *find_attached(const struct counting *counting, size_t number)
{
	const struct estimate_subject *subjects = counting->subjects;

	for (size_t i = 0; counting->request->everyone && i < number; i++)
		if (subjects[i].allocators == subjects[number].allocators)
			return &subjects[i];
	return NULL;
}

static int attach_subject(struct counting *counting, size_t number)
{
	struct estimate_subject *subject = &counting->subjects[number];
	const struct estimate_subject *attached = find_attached(counting, number);

	if (subject->error || attached)
		return subject->error ? subject->error : attached->error;
	return attach_counters(counting->keeper, counting->skeleton, counting->request->kind,
			       counting->request->everyone ? 0 : subject->pid, subject->allocators);
}

/* From now on what a process does counts, from its first number on. */
static int let_count(const struct counting *counting, const struct estimate_subject *subject)
{
	uint32_t key = (uint32_t)subject->pid;

	return bpf_map_update_elem(bpf_map__fd(counting->skeleton->maps.first_site_by_pid), &key,
				   &subject->first_site, BPF_ANY);
}

static void let_count_no_more(const struct counting *counting,
			      const struct estimate_subject *subject)
{
	uint32_t key = (uint32_t)subject->pid;

	bpf_map_delete_elem(bpf_map__fd(counting->skeleton->maps.first_site_by_pid), &key);
}

/*
 * Calls count as long as the time is taken that the target uses, and no longer: on a busy machine
 * it may run for many times as long while we wait for a processor before or behind that.
 */
static int begin_subject(const struct counting *counting, struct estimate_subject *subject)
{
	int error = usage_read(counting->request->procfs, subject->pid, &subject->before);

	return error ? error : let_count(counting, subject);
}

/* Of each of its sites that is counted apart; NULL where there is no memory. */
static double *read_all_hits(int map_fd, const struct estimate_subject *subject)
{
	uint32_t sites = count_sites(subject->allocators);
	double *hits = calloc((size_t)sites + 1, sizeof(*hits));

	for (uint32_t i = 0; hits && i < sites; i++)
		hits[i] = read_hits(map_fd, subject->first_site + i);
	return hits;
}

static int conclude_subject(struct counting *counting, struct estimate_subject *subject)
{
	struct counted counted = {
		.allocators = subject->allocators,
		.hit_count = count_sites(subject->allocators),
		.direct = !counting->request->entry_sites,
	};
	struct usage after;
	int error = usage_read(counting->request->procfs, subject->pid, &after);

	let_count_no_more(counting, subject);
	if (error)
		return error;
	usage_add(&counted.used, &subject->before, &after);
	double *hits = read_all_hits(bpf_map__fd(counting->skeleton->maps.hits_by_site), subject);
	if (!hits)
		return -ENOMEM;
	sampling_share(counting->sampling, counting->request->procfs, subject->pid,
		       subject->allocators, &counted.share);
	counted.hits = hits;
	error = estimate_conclude(&subject->estimate, &counted);
	free(hits);
	return error;
}

/* What it used without probes, so far. Returns whether more of that time may tell more. */
static bool see_unprobed(const struct procfs *procfs, struct estimate_subject *subject)
{
	struct process_status status;
	struct usage now;

	subject->estimate.unprobed = (struct usage){0};
	if (!subject->before.wall_s || usage_read(procfs, subject->pid, &now) ||
	    procfs_read_status(procfs, subject->pid, &status))
		return false;
	usage_add(&subject->estimate.unprobed, &subject->before, &now);
	return window_will_wake(&subject->estimate.unprobed, &now, procfs_age_s(&status));
}

static bool see_all_unprobed(const struct counting *counting)
{
	bool more = false;

	for (size_t i = 0; i < counting->count; i++)
		more |= see_unprobed(counting->request->procfs, &counting->subjects[i]);
	return more;
}

/* Until all have woken up that soon will, as a service does that is asked once a second. */
static void wait_unprobed(const struct counting *counting)
{
	unsigned int waited_ms = UNPROBED_MS;

	wait_ms(counting->request->loop, UNPROBED_MS);
	while (see_all_unprobed(counting) && waited_ms < UNPROBED_MOST_MS) {
		wait_ms(counting->request->loop, WINDOW_STEP_MS);
		waited_ms += WINDOW_STEP_MS;
	}
}

/* What the subjects use, and where, before anything is done to them. */
static void watch_unprobed(struct counting *counting)
{
	for (size_t i = 0; i < counting->count; i++) {
		struct estimate_subject *subject = &counting->subjects[i];

		subject->error = let_count(counting, subject);
		if (!subject->error)
			sampling_watch(counting->sampling, counting->request->procfs, subject->pid);
	}
	wait_unprobed(counting);
	sampling_stop(counting->sampling);
	for (size_t i = 0; i < counting->count; i++)
		let_count_no_more(counting, &counting->subjects[i]);
}

/* Once for all: measuring it takes as long as the rest. */
static int count_calls(struct counting *counting)
{
	struct trap_costs costs;
	int error = measure_costs(counting->keeper, counting->skeleton, counting->request->kind,
				  &costs);

	if (error)
		return error;
	watch_unprobed(counting);
	for (size_t i = 0; i < counting->count; i++)
		counting->subjects[i].error = attach_subject(counting, i);
	for (size_t i = 0; i < counting->count; i++) {
		struct estimate_subject *subject = &counting->subjects[i];

		subject->estimate.costs = costs;
		if (!subject->error)
			subject->error = begin_subject(counting, subject);
	}
	wait_window(counting);
	for (size_t i = 0; i < counting->count; i++) {
		struct estimate_subject *subject = &counting->subjects[i];

		if (!subject->error)
			subject->error = conclude_subject(counting, subject);
		if (subject->error)
			estimate_release(&subject->estimate);
	}
	return 0;
}

/* Gives each subject its sites' numbers, and returns how many there are. */
static uint32_t number_sites(struct estimate_subject *subjects, size_t count)
{
	uint32_t sites = 0;

	for (size_t i = 0; i < count; i++) {
		subjects[i].estimate = (struct estimate){0};
		subjects[i].error = 0;
		subjects[i].first_site = sites;
		sites += count_sites(subjects[i].allocators);
	}
	return sites;
}

int estimate_make(struct estimate_subject *subjects, size_t count,
		  const struct estimate_request *request, struct failure *failure)
{
	struct counting counting = {.request = request, .subjects = subjects, .count = count};
	int error;

	counting.skeleton =
		load_counters(request->kind, count, number_sites(subjects, count), failure);
	if (!counting.skeleton)
		return -1;
	counting.keeper = keeper_new();
	counting.sampling = sampling_new(bpf_program__fd(counting.skeleton->progs.sample_place),
					 bpf_map__fd(counting.skeleton->maps.samples_by_place));
	error = counting.keeper && counting.sampling ? count_calls(&counting) : -errno;
	sampling_free(counting.sampling);
	keeper_free(counting.keeper);
	rate_bpf__destroy(counting.skeleton);
	if (error)
		return failure_set(failure, STATUS_KERNEL, "cannot measure what a probe costs: %s",
				   strerror(-error));
	return 0;
}

int estimate_failure_set(struct failure *failure, const struct estimate_subject *subject)
{
	if (subject->error == -ESRCH)
		return failure_set(failure, STATUS_TARGET, "process %d is gone", (int)subject->pid);
	return failure_set(failure, STATUS_KERNEL, "cannot count the calls of process %d: %s",
			   (int)subject->pid, strerror(-subject->error));
}

void estimate_release(struct estimate *estimate)
{
	free(estimate->rates);
	*estimate = (struct estimate){0};
}
