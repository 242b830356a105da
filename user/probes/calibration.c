/* SPDX-License-Identifier: BSD-2-Clause */
#include "calibration.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "../arch/trap_samples.h"
#include "../lib/clock.h"
#include "../process/mappings.h"

static void (*const probed_functions[SITE_STEPPED + 1])(void) = {
	[SITE_EMULATED] = trap_emulated,
	[SITE_EMULATED_NOP] = trap_emulated_nop,
	[SITE_STEPPED] = trap_stepped,
};

uint64_t calibration_file_offset(void (*function)(void))
{
	const struct procfs procfs = {.root = "/proc"};
	uint64_t address = (uint64_t)(uintptr_t)function;
	const struct mapping *mapping;
	struct mappings mappings;
	uint64_t offset = 0;

	if (mappings_read(&procfs, getpid(), &mappings))
		return 0;
	mapping = mappings_find(&mappings, address);
	if (mapping)
		offset = address - mapping->start + mapping->file_offset;
	mappings_release(&mappings);
	return offset;
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
static int measure_trap(const struct calibration *calibration, enum site_kind kind, bool at_return,
			int self_fd, double *cost_ns)
{
	void (*function)(void) = probed_functions[kind];
	struct probe probe = {.file_offset = calibration_file_offset(function)};
	struct probe_set set = {
		.kind = calibration->kind,
		.program_fd = at_return ? calibration->return_fd : calibration->count_fd,
		.file_fd = self_fd,
		.pid = getpid(),
		.at_return = at_return,
		.probes = &probe,
		.count = 1,
	};
	double bare_ns = time_calls_ns(function);
	struct keeper *keeper = calibration->keeper;
	int error = probe.file_offset ? keeper_attach(keeper, keeper_group(keeper), &set) : -ENOENT;

	if (!error) {
		time_calls_ns(function);
		*cost_ns = fmax(time_calls_ns(function) - bare_ns, 0);
	}
	keeper_release(keeper);
	return error;
}

/* Processor time of a malloc and its free. */
static double time_pair_ns(void)
{
	enum { BATCHES = 40, PAIRS = 10000 };
	double least = HUGE_VAL;

	for (int batch = 0; batch < BATCHES; batch++) {
		double start = clock_s(CLOCK_THREAD_CPUTIME_ID);

		for (int i = 0; i < PAIRS; i++) {
			void *block = malloc(48);

			__asm__ volatile("" : "+r"(block) : : "memory"); /* or gcc leaves it out */
			free(block);
		}
		least = fmin(least, (clock_s(CLOCK_THREAD_CPUTIME_ID) - start) * 1e9 / PAIRS);
	}
	return least;
}

int calibration_measure(const struct calibration *calibration, struct trap_costs *costs)
{
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int error = self < 0 ? -errno : 0;
	double both_ns = 0;

	for (enum site_kind kind = 0; !error && kind <= SITE_STEPPED; kind++)
		error = measure_trap(calibration, kind, false, self, &costs->entry_ns[kind]);
	if (!error)
		error = measure_trap(calibration, SITE_EMULATED, true, self, &both_ns);
	costs->pair_ns = time_pair_ns();
	costs->return_ns = fmax(both_ns - costs->entry_ns[SITE_EMULATED], 0);
	if (self >= 0)
		close(self);
	return error;
}
