/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An event belongs to one thread, and is handed down to the threads that this one starts. Each
 * thread that is there needs one of its own. One that was started while these were opened may have
 * an event already, from its starter: it is given one all the same, as a page is the same block
 * whoever tells of it, and a thread that nobody watches would be missed for good.
 */
#include "page_faults.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../arch/memory.h"
#include "../lib/array.h"
#include "../lib/clock.h"
#include "../probes/thread_events.h"

enum { LISTINGS_MAX = 100, TRIED_PAGES = 512 };

struct page_faults {
	struct page_faults_config config;
	pid_t *threads; /* that were dealt with */
	size_t thread_count;
	int *fds;
	size_t fd_count;
	bool changed; /* a listing showed a thread that was new */
};

/* A descriptor or a negative errno. `thread` 0: the calling one. */
static int open_event(const struct page_faults_config *config, pid_t thread)
{
	const struct perf_event_attr attributes = {
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_PAGE_FAULTS,
		.sample_period = 1,
		.inherit = 1,
		.inherit_thread = !config->follow_forks,
		.exclude_hv = 1,
	};

	return thread_event_run(&attributes, thread, config->program_fd);
}

static bool is_known(const struct page_faults *faults, pid_t thread)
{
	for (size_t i = 0; i < faults->thread_count; i++)
		if (faults->threads[i] == thread)
			return true;
	return false;
}

/* A thread that is gone by now costs nothing. */
static int watch_thread(void *context, pid_t thread)
{
	struct page_faults *faults = context;

	if (is_known(faults, thread))
		return 0;
	if (!array_append(&faults->threads, &faults->thread_count, thread))
		return -ENOMEM;
	int fd = open_event(&faults->config, thread);
	if (fd == -ESRCH)
		return 0;
	if (fd < 0)
		return fd;
	faults->changed = true;
	if (array_append(&faults->fds, &faults->fd_count, fd))
		return 0;
	close(fd);
	return -ENOMEM;
}

static int watch_threads(struct page_faults *faults)
{
	const struct page_faults_config *config = &faults->config;
	int error = 0;

	faults->changed = true;
	for (int listing = 0; listing < LISTINGS_MAX && faults->changed && !error; listing++) {
		faults->changed = false;
		error = procfs_each_thread(config->procfs, config->pid, watch_thread, faults);
	}
	return !error && !faults->fd_count ? -ESRCH : error;
}

struct page_faults *page_faults_open(const struct page_faults_config *config)
{
	struct page_faults *faults = calloc(1, sizeof(*faults));
	int error;

	if (!faults)
		return NULL;
	faults->config = *config;
	error = watch_threads(faults);
	if (!error)
		return faults;
	page_faults_close(faults);
	errno = -error;
	return NULL;
}

void page_faults_close(struct page_faults *faults)
{
	if (!faults)
		return;
	for (size_t i = 0; i < faults->fd_count; i++)
		close(faults->fds[i]);
	free(faults->fds);
	free(faults->threads);
	free(faults);
}

/* Of a fault of our own; 0: there is no memory. */
static double try_faults(void)
{
	size_t bytes = (size_t)TRIED_PAGES * MACHINE_PAGE_BYTES;
	volatile char *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t began_ns;

	if (memory == MAP_FAILED)
		return 0;
	madvise((void *)memory, bytes, MADV_NOHUGEPAGE);
	began_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	for (size_t i = 0; i < bytes; i += MACHINE_PAGE_BYTES)
		memory[i] = 1;
	began_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - began_ns;
	munmap((void *)memory, bytes);
	return (double)began_ns / TRIED_PAGES;
}

double page_faults_trap_ns(int program_fd)
{
	const struct page_faults_config config = {.program_fd = program_fd};
	double without, with;
	int fd;

	try_faults();
	without = try_faults();
	fd = open_event(&config, 0);
	if (fd < 0)
		return 0;
	with = try_faults();
	close(fd);
	return with > without ? with - without : 0;
}
