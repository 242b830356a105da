/* SPDX-License-Identifier: BSD-2-Clause */
/* `unfreed heap`: parse, open the process, look once or several times, write. */
#include "heap.h"

#include <argp.h>
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
#include "../output/heap.h"
#include "../service/patient.h"
#include "../process/core.h"
#include "../process/family.h"
#include "arguments.h"
#include "heap_core.h"
#include "heap_watch.h"
#include "../service/reading.h"
#include "target_options.h"

enum {
	KEY_LOOKS = 0x7000,
	KEY_DIFF,
	KEY_TOP,
	KEY_WATCH,
	KEY_FOLLOW_FORKS,
	KEY_HOLDERS,
	KEY_LOST,
	KEY_FREEZE,
	KEY_CORE,
	KEY_ROOT,
	LOOKS_DEFAULT = 6,
	LOOKS_MAX = 1000,
	TOP_MAX = 10000,
	TOP_DEFAULT = 10,
	WATCH_S = 20,
	LOST_LOOKS = 5,
};

struct format;

struct heap_options {
	struct target_choice target;
	struct look_options look;
	const char *core;  /* a core file, in the place of a process; NULL */
	const char *root;  /* in which its files are; NULL: here */
	double interval_s; /* 0: one look alone */
	long looks;
	long top;
	bool lost;
	bool freeze;
	const char *holders; /* of what; NULL: of nothing */
	const char *diff;
	const char *watch; /* what; NULL: nothing */
	double watch_s;
	bool follow_forks;
	struct reading reading;
	const char *output; /* NULL: text on stdout */
	const struct format *format;
};

static const struct argp_option options[] = {
	{"core", KEY_CORE, "FILE", 0,
	 "Look into a core file (of gcore PID, or the kernel's) instead", 0},
	{"root", KEY_ROOT, "DIR", 0, "With --core: where the files are that it names", 0},
	{"interval", 'i', "SECS", 0, "Look again after so long, and say what grew", 0},
	{"looks", KEY_LOOKS, "N", 0, "How often to look with -i (default 6)", 0},
	{"diff", KEY_DIFF, "FILE", 0,
	 "Say what grew since a look that was saved as JSON, or since a core file", 0},
	{"watch", KEY_WATCH, "NAME|TYPE|ADDRESS|SYMBOL", 0,
	 "Say which lines fill a container, make instances of a class, or write a variable", 0},
	{"duration", 'd', "SECS", 0, "Watch for so long (default 20), or until that is known", 0},
	{"follow-forks", KEY_FOLLOW_FORKS, NULL, 0,
	 "With --watch: also in its forked workers, those to come too", 0},
	{"lost", KEY_LOST, NULL, 0,
	 "Say which blocks of malloc nothing refers to: five looks a second apart, or as -i says",
	 0},
	{"freeze", KEY_FREEZE, NULL, 0,
	 "With --lost: stop the process for each look, and read registers. Its system calls that "
	 "wait may fail with EINTR",
	 0},
	{"holders", KEY_HOLDERS, "WHAT", 0,
	 "Say who holds the objects of a type, or the one that has a name or an address (0x...)",
	 0},
	{"output", 'o', "FILE", 0,
	 "Write there: text, or what the name ends in: .json; with --holders .dot, .svg", 1},
	{"format", 'f', "FORMAT", 0, "text, json, dot or svg (by graphviz's dot)", 1},
	{"top", KEY_TOP, "N", 0, "Rows of each table (default 10)", 1},
	{0},
};

static const struct format {
	const char *name;
	const char *suffix;
	heap_output_fn *print;
	bool of_holders; /* and of nothing else */
} formats[] = {
	{"text", ".txt", heap_text, false},
	{"json", ".json", heap_json, false},
	{"dot", ".dot", heap_dot, true},
	{"svg", ".svg", heap_svg, true},
};

enum { FORMATS = sizeof(formats) / sizeof(*formats) };

static error_t parse_format(struct heap_options *heap, const char *text)
{
	for (size_t i = 0; i < FORMATS; i++) {
		if (!strcmp(text, formats[i].name)) {
			heap->format = &formats[i];
			return 0;
		}
	}
	message_error("-f takes text, json, dot or svg, not \"%s\"", text);
	return EINVAL;
}

static const struct format *format_of_path(const char *path)
{
	size_t length = strlen(path);

	for (size_t i = 0; i < FORMATS; i++) {
		size_t suffix = strlen(formats[i].suffix);

		if (length > suffix && !strcmp(path + length - suffix, formats[i].suffix))
			return &formats[i];
	}
	return &formats[0];
}

static bool names_process(const struct target_choice *target)
{
	return target->pid_count || target->selection.name;
}

/* What needs a process that lives. */
static error_t check_core(const struct heap_options *heap)
{
	const char *refused = names_process(&heap->target) ? "a process"
			      : heap->interval_s           ? "-i"
			      : heap->looks                ? "--looks"
			      : heap->watch                ? "--watch"
			      : heap->watch_s              ? "-d"
			      : heap->freeze               ? "--freeze"
							   : NULL;

	if (!refused)
		return 0;
	message_error("--core looks into a file, which does not change: it does not go with %s",
		      refused);
	return EINVAL;
}

static error_t check(struct heap_options *heap)
{
	if (!heap->format)
		heap->format = format_of_path(heap->output ? heap->output : "-");
	if (heap->format->of_holders && !heap->holders) {
		message_error("%s shows who holds what: it needs --holders WHAT",
			      heap->format->name);
		return EINVAL;
	}
	if (heap->root && !heap->core) {
		message_error("--root is where the files of a core are: it needs --core FILE");
		return EINVAL;
	}
	if (heap->core)
		return check_core(heap);
	if (heap->watch_s && !heap->watch) {
		message_error("-d is how long --watch takes: say what to watch");
		return EINVAL;
	}
	if (heap->follow_forks && !heap->watch) {
		message_error("--follow-forks is about --watch: say what to watch");
		return EINVAL;
	}
	if (heap->watch && heap->holders) {
		message_error("--watch and --holders are two questions: ask one at a time");
		return EINVAL;
	}
	if (heap->lost && heap->looks == 1) {
		message_error("--lost needs two looks at least: say --looks 2 or more");
		return EINVAL;
	}
	if (heap->freeze && !heap->lost) {
		message_error("--freeze stops the process for --lost: give that too");
		return EINVAL;
	}
	if (heap->looks && !heap->interval_s) {
		message_error("--looks needs -i SECS between them");
		return EINVAL;
	}
	return 0;
}

/* What takes time to be lost takes several looks to be seen. */
static error_t complete(struct heap_options *heap)
{
	if (heap->lost && !heap->interval_s && !heap->core) {
		heap->interval_s = 1;
		heap->looks = heap->looks ? heap->looks : LOST_LOOKS;
	}
	return check(heap);
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct heap_options *heap = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &heap->target;
		state->child_inputs[1] = &heap->look;
		return 0;
	case KEY_CORE:
		heap->core = argument;
		heap->target.may_be_none = true;
		return 0;
	case KEY_ROOT:
		heap->root = argument;
		return 0;
	case 'i':
		return argument_number("--interval", argument, 0.001, 86400, &heap->interval_s);
	case KEY_LOOKS:
		return argument_count("--looks", argument, LOOKS_MAX, &heap->looks);
	case KEY_TOP:
		return argument_count("--top", argument, TOP_MAX, &heap->top);
	case KEY_DIFF:
		heap->diff = argument;
		return 0;
	case KEY_WATCH:
		heap->watch = argument;
		return 0;
	case 'd':
		return argument_number("--duration", argument, 0.1, 86400, &heap->watch_s);
	case 'o':
		if (heap->output) {
			message_error("heap writes one file: give -o once");
			return EINVAL;
		}
		heap->output = argument;
		return 0;
	case 'f':
		return parse_format(heap, argument);
	case KEY_LOST:
		heap->lost = true;
		return 0;
	case KEY_FREEZE:
		heap->freeze = true;
		return 0;
	case KEY_FOLLOW_FORKS:
		heap->follow_forks = true;
		return 0;
	case KEY_HOLDERS:
		heap->holders = argument;
		return 0;
	case ARGP_KEY_END:
		return complete(heap);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {
	{&target_options_one, 0, NULL, 0},
	{&look_options_argp, 0, NULL, 0},
	{&message_options, 0, NULL, 0},
	{0},
};

static const struct argp argp = {
	.options = options,
	.parser = parse_option,
	.children = children,
	.args_doc = "[-p] PID\n--core FILE",
	.doc = "Says what is in the memory of a running process: where it is, objects by type, "
	       "containers by name. The process is not stopped and nothing is written into it.\v"
	       "Exit status: 0 done, 1 a failure while running, 2 usage, 3 the target (no such "
	       "process), 4 the permissions.",
};

static void interrupt(void *interrupted)
{
	*(bool *)interrupted = true;
}

/* ^C ends a series of looks with what was seen so far. */
static int take_interrupts(struct loop *loop, bool *interrupted, struct failure *failure)
{
	sigset_t signals;

	signals_of_end(&signals);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	if (loop_on_signals(loop, &signals, LOOP_IN_TURN, interrupt, interrupted))
		return 0;
	return failure_set(failure, STATUS_FAILURE, "cannot wait for signals: %s", strerror(errno));
}

static void rest(struct loop *loop, uint64_t until_ns, const bool *interrupted)
{
	do
		loop_rest(loop, until_ns);
	while (!*interrupted && clock_ns(CLOCK_MONOTONIC) < until_ns);
}

/* Graphs at the first look, the last and some between show growth by paths. */
static int look_repeatedly(struct patient *patient, const struct heap_options *heap,
			   struct failure *failure)
{
	static bool interrupted; /* as long as the loop may tell it */
	long looks = heap->interval_s ? heap->looks ? heap->looks : LOOKS_DEFAULT : 1;
	uint64_t next_ns = clock_ns(CLOCK_MONOTONIC);
	int error = 0;

	if (looks > 1)
		error = take_interrupts(heap->reading.loop, &interrupted, failure);
	for (long i = 0; i < looks && !error; i++) {
		if (i) {
			next_ns += (uint64_t)(heap->interval_s * 1e9);
			rest(heap->reading.loop, next_ns, &interrupted);
		}
		if (interrupted)
			break;
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

static enum exit_status watch(const struct heap_options *heap, struct patient *patient)
{
	const struct heap_watch_options options = {
		.wish = heap->watch,
		.seconds = heap->watch_s ? heap->watch_s : WATCH_S,
		.follow_forks = heap->follow_forks,
		.loop = heap->reading.loop,
	};
	struct zone *zone = zone_new();
	enum exit_status status;
	struct watched watched;
	struct failure failure;

	if (heap_watch(patient, &options, zone, &watched, &failure)) {
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
static enum exit_status check_holders(const struct look *look)
{
	if (!look->asked_for || look->holder_count || look->asked_count)
		return STATUS_OK;
	if (!look->python_version)
		message_error(
			"--holders looks among Python's objects, and process %d has none that "
			"are understood",
			(int)look->pid);
	else if (look->uncertain[UNCERTAIN_NO_ROOM])
		message_error("no object of type, with name or at address \"%s\" was found in what "
			      "fits into --max-memory, which is not all: give more",
			      look->asked_for);
	else
		message_error(
			"no object of type, with name or at address \"%s\" was found; without "
			"--holders there are lists of types and names (--top N: longer ones)",
			look->asked_for);
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
	if (look_repeatedly(&patient, heap, &failure)) {
		message_error("%s", failure.text);
		status = failure.status;
	}
	if (!status && heap->watch) {
		status = watch(heap, &patient);
	} else if (patient.looks) {
		struct look *look = patient_report(&patient, &request);

		look->workers = workers;
		if (heap->diff && compare(heap, confined, budget, look))
			status = STATUS_FAILURE;
		enum exit_status found = check_holders(look);
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
	struct heap_options heap = {.target = {.verb = "heap looks at"}, .top = TOP_DEFAULT};
	enum exit_status status = STATUS_USAGE;

	if (!argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &heap))
		status = run(&heap);
	target_choice_release(&heap.target);
	return status;
}
