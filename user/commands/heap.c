/* SPDX-License-Identifier: BSD-2-Clause */
/* `unfreed heap`: parse, open the process, look once or several times, write. */
#include "heap.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/clock.h"
#include "../lib/message.h"
#include "../lib/signals.h"
#include "../look/growth.h"
#include "../look/read.h"
#include "../output/file.h"
#include "../process/core.h"
#include "../process/family.h"
#include "../service/patient.h"
#include "heap_core.h"
#include "heap_options.h"
#include "heap_watch.h"

enum {
	LOOKS_DEFAULT = 6,
	WATCH_S = 20,
};

/* What ends a wait for the next look, or a watch, before its time. */
struct ends {
	bool taken;
	bool interrupted;
	bool gone;
};

static void note(void *flag)
{
	*(bool *)flag = true;
}

/* From here on ^C ends what takes its time, with what was seen so far; the target's end is for the
 * next look and the watch to find, so that it may be missed here. */
static int take_ends(struct loop *loop, pid_t pid, struct ends *ends, struct failure *failure)
{
	sigset_t signals;

	if (ends->taken)
		return 0;
	ends->taken = true;
	signals_of_end(&signals);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	loop_on_process(loop, pid, LOOP_IN_TURN, note, &ends->gone);
	if (loop_on_signals(loop, &signals, LOOP_IN_TURN, note, &ends->interrupted))
		return 0;
	return failure_set(failure, STATUS_FAILURE, "cannot wait for signals: %s", strerror(errno));
}

static void rest(struct loop *loop, uint64_t until_ns, const struct ends *ends)
{
	uint64_t now_ns;

	while (!ends->interrupted && !ends->gone &&
	       (now_ns = clock_ns(CLOCK_MONOTONIC)) < until_ns &&
	       loop_wait(loop, (int)((until_ns - now_ns) / 1000000) + 1) >= 0)
		;
}

/* Graphs at the first look, the last and some between show growth by paths. */
static int look_repeatedly(struct patient *patient, const struct heap_options *heap,
			   struct ends *ends, struct failure *failure)
{
	long looks = heap->interval_s ? heap->looks ? heap->looks : LOOKS_DEFAULT : 1;
	uint64_t next_ns = clock_ns(CLOCK_MONOTONIC);
	int error = 0;

	if (looks > 1)
		error = take_ends(heap->reading.loop, patient->pid, ends, failure);
	for (long i = 0; i < looks && !error; i++) {
		if (i) {
			next_ns += (uint64_t)(heap->interval_s * 1e9);
			rest(heap->reading.loop, next_ns, ends);
		}
		if (ends->interrupted)
			break;
		if (ends->gone)
			return failure_set(failure, STATUS_TARGET,
					   "process %d ended after %ld of %ld looks",
					   (int)patient->pid, i, looks);
		error = patient_look(patient, true, failure);
		if (!i && looks > 1 && !error)
			patient_mark(patient);
		else if (heap->lost && i && i + 1 < looks && !error)
			patient_look_for_lost(patient);
	}
	return error;
}

static bool wants_json(const struct heap_options *heap)
{
	return heap->format->print == heap_json;
}

static enum exit_status write_output(const struct heap_options *heap, file_writer *print,
				     const void *context)
{
	const char *path = heap->output ? heap->output : "-";
	int error = file_write(path, print, context);

	if (!error)
		return STATUS_OK;
	if (error == -ENOEXEC)
		message_error("cannot draw %s: dot of graphviz is not installed or failed; a name "
			      "that ends in .dot is written without it",
			      path);
	else
		message_error("cannot write %s: %s", path, strerror(-error));
	return STATUS_FAILURE;
}

/* Looks that took their time are not lost for that their file cannot be written. */
static enum exit_status write_or_show(const struct heap_options *heap, file_writer *print,
				      file_writer *text, const void *context)
{
	enum exit_status status = write_output(heap, print, context);

	if (status && heap->output && strcmp(heap->output, "-"))
		file_write_somewhere(text, context);
	return status;
}

struct writing {
	const struct look *look;
	heap_output_fn *print;
	struct heap_output_options options;
};

static int print_look(const void *context, FILE *file)
{
	const struct writing *writing = context;

	return writing->print(writing->look, &writing->options, file);
}

static int print_look_text(const void *context, FILE *file)
{
	const struct writing *writing = context;

	return heap_text(writing->look, &writing->options, file);
}

static enum exit_status write_look(const struct heap_options *heap, const struct look *look)
{
	const struct writing writing = {look, heap->format->print, {.top = (size_t)heap->top}};

	return write_or_show(heap, print_look, print_look_text, &writing);
}

static int print_watched_text(const void *context, FILE *file)
{
	return watched_text(context, file);
}

static int print_watched_json(const void *context, FILE *file)
{
	return watched_json(context, file);
}

static enum exit_status watch(const struct heap_options *heap, struct patient *patient,
			      struct ends *ends)
{
	const struct heap_watch_options options = {
		.wish = heap->watch,
		.seconds = heap->watch_s ? heap->watch_s : WATCH_S,
		.follow_forks = heap->follow_forks,
		.loop = heap->reading.loop,
		.interrupted = &ends->interrupted,
	};
	struct zone *zone = zone_new();
	enum exit_status status;
	struct watched watched;
	struct failure failure;

	if (take_ends(heap->reading.loop, patient->pid, ends, &failure) ||
	    heap_watch(patient, &options, zone, &watched, &failure)) {
		message_error("%s", failure.text);
		status = failure.status;
	} else {
		status = write_or_show(heap,
				       wants_json(heap) ? print_watched_json : print_watched_text,
				       print_watched_text, &watched);
	}
	zone_free(zone);
	return status;
}

static struct look *read_before(const struct heap_options *heap, struct confined *confined,
				uint64_t budget)
{
	char error[4096 + 256];
	struct failure failure;
	struct look *before;

	if (!heap_core_is_file(heap->diff)) {
		before = look_read(heap->diff, error, sizeof(error));
		if (!before)
			message_error("%s", error);
		return before;
	}
	before = heap_core_look(heap->diff, heap->root, confined, budget, &failure);
	if (!before)
		message_error("%s", failure.text);
	return before;
}

static enum exit_status compare(const struct heap_options *heap, struct confined *confined,
				uint64_t budget, struct look *look)
{
	struct look *before = read_before(heap, confined, budget);

	if (!before)
		return STATUS_FAILURE;
	look->growth = look_diff(before, look);
	look_free(before);
	return STATUS_OK;
}

/* Whether there is an answer to --holders; else says why not. */
static enum exit_status check_holders(const struct heap_options *heap, const struct look *look)
{
	if (!heap->holders || look->holder_count || look->asked_count)
		return STATUS_OK;
	if (!look->python_version)
		message_error(
			"--holders looks among Python's objects, and process %d has none that "
			"are understood",
			(int)look->pid);
	else if (look->uncertain[UNCERTAIN_NO_ROOM])
		message_error("no object of type, with name or at address \"%s\" was found in what "
			      "fits into --max-memory, which is not all: give more",
			      heap->holders);
	else
		message_error(
			"no object of type, with name or at address \"%s\" was found; without "
			"--holders there are lists of types and names (--top N: longer ones)",
			heap->holders);
	return STATUS_TARGET;
}

/* What grows in a server grows in its workers: whoever gives the master may not know. */
static struct look_workers find_workers(const struct procfs *procfs, pid_t pid)
{
	pid_t *pids;
	struct look_workers workers = {.count = family_list_workers(procfs, pid, &pids)};

	if (workers.count) {
		workers.first = (uint32_t)pids[0];
		message_info("process %d is looked at alone; it forked %zu more of its program, "
			     "such as %d",
			     (int)pid, workers.count, (int)pids[0]);
	}
	free(pids);
	return workers;
}

static enum exit_status look_at(const struct heap_options *heap, const struct procfs *procfs,
				pid_t pid, struct confined *confined)
{
	struct objects_request request = {
		.containers = HEAP_CONTAINERS,
		.with_keys = heap->look.with_keys,
		.holders = heap->holders,
	};
	const uint64_t budget = look_options_budget(&heap->look);
	static struct ends ends; /* as long as the loop may tell them */
	enum exit_status status = STATUS_OK;
	struct look_workers workers = {0};
	struct failure failure = {0};
	struct patient patient;

	if (patient_open(&patient, procfs, confined, pid, budget, &failure)) {
		message_error("%s", failure.text);
		return failure.status;
	}
	if (!heap->follow_forks)
		workers = find_workers(procfs, pid);
	patient.with_classes = true;
	patient.with_freeze = heap->freeze;
	if (heap->lost && patient_seek_lost(&patient))
		message_error("no memory to look for lost blocks");
	if (look_repeatedly(&patient, heap, &ends, &failure)) {
		message_error("%s", failure.text);
		status = failure.status;
	}
	if (!status && heap->watch && !ends.interrupted) {
		status = watch(heap, &patient, &ends);
	} else if (patient.looks) {
		struct look *look = patient_report(&patient, &request);

		look->workers = workers;
		if (heap->diff && compare(heap, confined, budget, look))
			status = STATUS_FAILURE;
		enum exit_status found = check_holders(heap, look);
		if (found)
			status = found;
		else if (write_look(heap, look))
			status = STATUS_FAILURE;
		look_free(look);
	}
	patient_close(&patient);
	return status;
}

static enum exit_status look_into(struct heap_options *heap, struct confined *confined)
{
	struct procfs procfs = {.root = "/proc"};
	struct failure failure;

	if (heap->core ? core_open(heap->core, heap->root, &procfs.core, &failure)
		       : target_choice_resolve(&heap->target, &procfs, &failure)) {
		message_error("%s", failure.text);
		return failure.status;
	}
	pid_t pid = heap->core ? core_about(procfs.core).pid : target_choice_pid(&heap->target);
	enum exit_status status = look_at(heap, &procfs, pid, confined);
	core_free(procfs.core);
	return status;
}

static enum exit_status run(struct heap_options *heap)
{
	const char *path = heap->output ? heap->output : "-";
	int error = file_check(path);

	if (error) {
		message_error("cannot write %s: %s", path, strerror(-error));
		return STATUS_FAILURE;
	}
	struct failure failure;

	if (reading_begin(&heap->reading, &failure)) {
		message_error("%s", failure.text);
		return failure.status;
	}
	enum exit_status status = look_into(heap, heap->reading.confined);
	reading_end(&heap->reading);
	return status;
}

int heap_main(int argc, char **argv)
{
	struct heap_options heap;
	enum exit_status status = STATUS_USAGE;

	if (!heap_options_parse(argc, argv, &heap))
		status = run(&heap);
	target_choice_release(&heap.target);
	return status;
}
