/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A breakpoint event belongs to one thread, and is handed down to the threads that this one starts.
 * So each thread that is there needs one of its own, and one that was started in the meantime may
 * have it already or not: a second one would count each write twice. Which of the two it is the
 * debug registers tell: a thread has a few, and each event holds one from its opening on. Of a
 * thread that was not in the first listing they are counted, by events that are never enabled.
 *
 * It is over when a listing of the threads shows none that needs anything, twice.
 *
 * An event is handed down with the program that it has at that time. A thread that is started
 * between the opening of its starter's event and the setting of its program, a matter of
 * microseconds, has one that runs nothing; the kernel counts its writes, which then are lost.
 */
#include "watchpoints.h"

#include <errno.h>
#include <linux/hw_breakpoint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../arch/breakpoints.h"
#include "../lib/array.h"
#include "../lib/descriptors.h"
#include "../probes/thread_events.h"

enum {
	LISTINGS_MAX = 100,
	DESCRIPTORS_SPARE = 64,
};

struct word_events {
	int *fds;
	size_t count;
	uint64_t writes; /* as of the removal */
};

struct watchpoints {
	struct watchpoints_config config;
	struct watchpoint_word copies[WATCH_WORDS]; /* config.words */
	struct word_events words[WATCH_WORDS];
	pid_t *listed; /* threads, as of the last listing */
	size_t listed_count;
	pid_t *threads; /* that were dealt with */
	size_t thread_count;
	size_t own_count; /* of these, those that were given events */
	size_t descriptors;
	int registers; /* free in a thread of the process before anything was opened */
	bool listed_once;
	bool changed; /* the listing showed a thread that needed something */
};

/* What is written there by the thread itself. */
static struct perf_event_attr writes_to(const struct watchpoint_word *word)
{
	return (struct perf_event_attr){
		.type = PERF_TYPE_BREAKPOINT,
		.bp_type = HW_BREAKPOINT_W,
		.bp_addr = word->address,
		.bp_len = word->bytes,
		.sample_period = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};
}

int watchpoint_open_here(const struct watchpoint_word *word, int program_fd)
{
	const struct perf_event_attr attributes = writes_to(word);

	return thread_event_run(&attributes, 0, program_fd);
}

/* How many debug registers a thread has left, or a negative errno. */
static int count_free(const struct watchpoints *points, pid_t thread)
{
	const struct perf_event_attr attributes = writes_to(&points->config.words[0]);
	int fds[WATCHPOINTS_MAX], count = 0, error = 0;

	for (; count < watchpoint_count && !error; count += !error) {
		fds[count] = thread_event_open(&attributes, thread);
		error = fds[count] < 0 ? fds[count] : 0;
	}
	for (int i = 0; i < count; i++)
		close(fds[i]);
	return error && error != -ENOSPC ? error : count;
}

/* How many of the words, in their order, a thread has inherited; or a negative errno. */
static int count_inherited(const struct watchpoints *points, pid_t thread)
{
	int words = (int)points->config.count;
	int left = points->listed_once ? count_free(points, thread) : points->registers;
	int taken = points->registers - left;

	if (left < 0)
		return left;
	return taken < 0 ? 0 : taken > words ? words : taken;
}

/* A fork would hand events of its thread on to the child, unless that is held back. */
static int open_word(struct watchpoints *points, pid_t thread, size_t word)
{
	const struct watchpoints_config *config = &points->config;
	struct perf_event_attr attributes = writes_to(&config->words[word]);
	struct word_events *events = &points->words[word];

	attributes.inherit = 1;
	attributes.inherit_thread = !config->follow_forks;
	attributes.remove_on_exec = 1;
	int fd = thread_event_run(&attributes, thread, config->program_fd);
	if (fd < 0)
		return fd;
	if (array_append(&events->fds, &events->count, fd))
		return 0;
	close(fd);
	return -ENOMEM;
}

/*
 * What a thread still needs. A thread that was started while its starter was being given its
 * events, or that a debugger is at work on, may look as if it had fewer than it has, or have no
 * register left: then it is counted anew, once.
 */
static int open_missing(struct watchpoints *points, pid_t thread)
{
	int error = 0;

	for (int attempt = 0; attempt < 2; attempt++) {
		int inherited = count_inherited(points, thread);

		if (inherited < 0)
			return inherited;
		for (size_t word = (size_t)inherited; word < points->config.count; word++) {
			error = open_word(points, thread, word);
			if (error)
				break;
			points->changed = true;
		}
		if (error != -ENOSPC)
			return error;
	}
	return error;
}

static bool is_known(const struct watchpoints *points, pid_t thread)
{
	for (size_t i = 0; i < points->thread_count; i++)
		if (points->threads[i] == thread)
			return true;
	return false;
}

/* A thread that is gone by now costs nothing. */
static int watch_thread(struct watchpoints *points, pid_t thread)
{
	size_t before = points->words[0].count;

	if (is_known(points, thread))
		return 0;
	if (!array_append(&points->threads, &points->thread_count, thread))
		return -ENOMEM;
	int error = open_missing(points, thread);
	points->own_count += points->words[0].count > before;
	return error == -ESRCH ? 0 : error;
}

static int find_registers(void *context, pid_t thread)
{
	struct watchpoints *points = context;
	int free_registers = count_free(points, thread);

	if (free_registers == -ESRCH)
		return 0;
	points->registers = free_registers;
	return free_registers < 0 ? free_registers : 1;
}

static int count_thread(void *context, pid_t thread)
{
	(void)thread;
	++*(size_t *)context;
	return 0;
}

static int list_thread(void *context, pid_t thread)
{
	struct watchpoints *points = context;

	return array_append(&points->listed, &points->listed_count, thread) ? 0 : -ENOMEM;
}

/* The whole list first: what is started from the first event on must not be taken for older. */
static int watch_listed(struct watchpoints *points, pid_t pid)
{
	int error;

	free(points->listed);
	points->listed = NULL;
	points->listed_count = 0;
	error = procfs_each_thread(points->config.procfs, pid, list_thread, points);
	for (size_t i = 0; i < points->listed_count && !error; i++)
		error = watch_thread(points, points->listed[i]);
	return error;
}

static int watch_threads(struct watchpoints *points, pid_t pid)
{
	int quiet = 0, error = 0;

	for (int listing = 0; listing < LISTINGS_MAX && quiet < 2 && !error; listing++) {
		points->changed = false;
		error = watch_listed(points, pid);
		quiet = points->changed ? 0 : quiet + 1;
		points->listed_once = true;
	}
	return error;
}

/* One for each word and thread, and some for those to come. */
static bool descriptors_suffice(struct watchpoints *points, pid_t pid, size_t *threads)
{
	size_t limit = descriptors_allow();

	*threads = 0;
	procfs_each_thread(points->config.procfs, pid, count_thread, threads);
	points->descriptors += *threads * points->config.count;
	return !limit || points->descriptors + DESCRIPTORS_SPARE <= limit;
}

static void explain(const struct watchpoints *points, int error, struct failure *failure)
{
	int pid = points->config.pid;

	if (error == -ESRCH)
		failure_set(failure, STATUS_TARGET, "process %d is gone", pid);
	else if (error == -ENOSPC)
		failure_set(
			failure, STATUS_TARGET,
			"process %d has too few debug registers left for a watch: a debugger or "
			"another watch holds them; end it, or watch fewer words",
			pid);
	else if (error == -EPERM || error == -EACCES)
		failure_set(failure, STATUS_KERNEL, "may not watch process %d: %s; run as root",
			    pid, strerror(-error));
	else if (error == -ENOENT || error == -ENODEV || error == -EOPNOTSUPP)
		failure_set(failure, STATUS_KERNEL, "this kernel has no hardware watchpoints");
	else
		failure_set(failure, STATUS_FAILURE, "cannot watch process %d: %s", pid,
			    strerror(-error));
}

static int start(struct watchpoints *points)
{
	const struct watchpoints_config *config = &points->config;
	int error = procfs_each_thread(config->procfs, config->pid, find_registers, points);

	if (error < 0)
		return error;
	if (points->registers < (int)config->count)
		return -ENOSPC;
	error = watch_threads(points, config->pid);
	return !error && !points->own_count ? -ESRCH : error;
}

struct watchpoints *watchpoints_open(const struct watchpoints_config *config,
				     struct failure *failure)
{
	struct watchpoints *points = calloc(1, sizeof(*points));
	size_t threads;
	int error;

	if (!points) {
		failure_set(failure, STATUS_FAILURE, "out of memory");
		return NULL;
	}
	points->config = *config;
	memcpy(points->copies, config->words, config->count * sizeof(*config->words));
	points->config.words = points->copies;
	if (!descriptors_suffice(points, config->pid, &threads)) {
		failure_set(failure, STATUS_FAILURE,
			    "process %d has %zu threads: watching them needs %zu open files, more "
			    "than we may have (ulimit -n)",
			    (int)config->pid, threads, points->descriptors);
		watchpoints_close(points);
		return NULL;
	}
	error = start(points);
	if (!error)
		return points;
	explain(points, error, failure);
	watchpoints_close(points);
	return NULL;
}

int watchpoints_add(struct watchpoints *points, pid_t pid)
{
	size_t threads;

	if (!descriptors_suffice(points, pid, &threads))
		return -EMFILE;
	return watch_threads(points, pid);
}

/* With inheritance a read adds up what all threads have counted. */
static uint64_t count_writes(const struct word_events *events)
{
	uint64_t sum = events->writes, value;

	for (size_t i = 0; i < events->count; i++)
		if (read(events->fds[i], &value, sizeof(value)) == sizeof(value))
			sum += value;
	return sum;
}

uint64_t watchpoints_writes(const struct watchpoints *points, size_t word)
{
	return count_writes(&points->words[word]);
}

void watchpoints_remove(struct watchpoints *points, size_t word)
{
	struct word_events *events = &points->words[word];

	for (size_t i = 0; i < events->count; i++)
		ioctl(events->fds[i], PERF_EVENT_IOC_DISABLE, 0);
	events->writes = count_writes(events);
	for (size_t i = 0; i < events->count; i++)
		close(events->fds[i]);
	free(events->fds);
	events->fds = NULL;
	events->count = 0;
}

void watchpoints_close(struct watchpoints *points)
{
	if (!points)
		return;
	for (size_t word = 0; word < WATCH_WORDS; word++)
		watchpoints_remove(points, word);
	free(points->listed);
	free(points->threads);
	free(points);
}

size_t watchpoints_threads(const struct watchpoints *points)
{
	return points->own_count;
}
