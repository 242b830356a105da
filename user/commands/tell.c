/* SPDX-License-Identifier: BSD-2-Clause */
/* Each event has one sentence; what it names stands in braces, see find_word(). */
#include "tell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/process_end.h"
#include "../lib/sentence.h"
#include "../probes/estimate.h"

static const struct sentence {
	enum verbosity heard; /* by whom: at this verbosity and above */
	const char *text;
} sentences[EVENT_COUNT] = {
	/* clang-format off */
	[EVENT_PROBED] = {VERBOSITY_VERBOSE,
		"process {pid}: {path} ({allocator}), {count} functions"},
	[EVENT_NOT_PROBED] = {VERBOSITY_NORMAL,
		"cannot put probes on {path} of process {pid}: {error}; what is allocated with it is "
		"not seen"},
	[EVENT_HIDDEN] = {VERBOSITY_NORMAL,
		"process {pid} has {allocator} in {path}, without the names of its functions "
		"(stripped): what is allocated with it is not seen"},
	[EVENT_LINKER_NOT_WATCHED] = {VERBOSITY_VERBOSE,
		"cannot watch {path} for libraries loaded later: {error}"},
	[EVENT_NOT_READ] = {VERBOSITY_VERBOSE, "process {pid}: not read: {text}"},
	[EVENT_FILE_TROUBLE] = {VERBOSITY_VERBOSE, "{text}"},
	[EVENT_NO_WINDOWS] = {VERBOSITY_QUIET, "no window can be opened: {error}"},
	[EVENT_SITES_PROVEN] = {VERBOSITY_VERBOSE,
		"{path}: {name} is seen at one place inside of it from now on: {count} calls were the "
		"same there as at their entry and return"},
	[EVENT_SITES_COMPARED] = {VERBOSITY_VERBOSE,
		"{path}: {count} calls of {name} were the same at places inside of it as at their "
		"entry and return"},
	[EVENT_SITES_DIFFER] = {VERBOSITY_NORMAL,
		"{path}: {name} is seen at its entry and return: places inside of it differ from "
		"these in {text}, after {count} calls that were the same"},
	[EVENT_NOT_ATTACHED] = {VERBOSITY_NORMAL, "{failure}"},

	[EVENT_PYTHON] = {VERBOSITY_VERBOSE, "process {pid}: CPython {version}, {mode}"},
	[EVENT_PYTHON_NOTE] = {VERBOSITY_NORMAL, "process {pid}: CPython {version}: {reason}"},
	[EVENT_PYTHON_NOT_UNDERSTOOD] = {VERBOSITY_NORMAL, "process {pid}: {failure}"},
	[EVENT_PYTHON_ENDED] = {VERBOSITY_NORMAL,
		"process {pid} ended before its CPython was understood"},
	[EVENT_NO_PYTHON] = {VERBOSITY_VERBOSE, "process {pid}: {failure}"},
	[EVENT_STEERED_ALREADY] = {VERBOSITY_VERBOSE, "process {pid}: steered already"},
	[EVENT_STEERING_TAKEN_OVER] = {VERBOSITY_NORMAL,
		"process {pid}: an earlier tool left {count} allocator slots of CPython {version} "
		"steered: they are taken over, and get their old values back at the end"},
	[EVENT_STEERING] = {VERBOSITY_NORMAL,
		"process {pid}: steering the allocator slots of CPython {version}: this writes "
		"{count} pointers into the process, which get their old values back at the end"},
	[EVENT_STAYS_STEERED] = {VERBOSITY_QUIET,
		"process {pid} stays steered, which does it no harm: {error}; the next attach with "
		"--python exact can give its slots back"},

	[EVENT_REASON] = {VERBOSITY_NORMAL, "{reason}"},

	[EVENT_WORKERS_TOO] = {VERBOSITY_NORMAL,
		"process {pid} forked {count} that run the same program: recorded too"},
	[EVENT_WORKERS_NOW] = {VERBOSITY_NORMAL,
		"process {pid} forked {count} that run the same program: recorded too, but not those "
		"to come: --follow-forks takes them in"},
	[EVENT_COST] = {VERBOSITY_NORMAL,
		"process {pid} makes {calls} allocator calls per second; exact recording adds {cost}"},
	[EVENT_COST_OF_ALL] = {VERBOSITY_NORMAL,
		"{count} processes make {calls} allocator calls per second; exact recording slows "
		"none of them by more than {percent} %"},
	[EVENT_COST_WITH_OBJECTS] = {VERBOSITY_NORMAL,
		"with Python's objects {calls} allocator calls per second are recorded, which takes "
		"about {percent} % of a core"},
	[EVENT_LEFT_OUT] = {VERBOSITY_NORMAL, "process {pid} is not traced: {failure}"},
	[EVENT_TRACING] = {VERBOSITY_NORMAL, "tracing {pid} ({comm})"},
	[EVENT_TRACING_MORE] = {VERBOSITY_NORMAL, "and {count} more"},
	[EVENT_STOPPED] = {VERBOSITY_NORMAL,
		"process {pid} ({comm}) is stopped, by a signal or a debugger: it allocates nothing "
		"until it goes on (kill -CONT {pid})"},
	[EVENT_ENDED] = {VERBOSITY_NORMAL, "process {pid} {end}"},
	[EVENT_COMMAND_ENDED] = {VERBOSITY_NORMAL, "{command} {end}"},
	[EVENT_COMMAND_RUNS_ON] = {VERBOSITY_NORMAL, "{command} runs on, as process {pid}"},
	[EVENT_NOT_JUDGED] = {VERBOSITY_QUIET, "no memory to tell which blocks are lost"},

	[EVENT_LOOKED] = {VERBOSITY_VERBOSE,
		"process {pid}: a look without one took {took} s of our processor time"},
	[EVENT_LOOKED_WITH_GRAPH] = {VERBOSITY_VERBOSE,
		"process {pid}: a look with a graph took {took} s of our processor time"},
	[EVENT_WATCHED] = {VERBOSITY_VERBOSE,
		"process {pid}: {name}: {count} hits in {seconds} s, {each_us} us each"},
	[EVENT_LOST] = {VERBOSITY_VERBOSE,
		"{name}: nothing refers to {count}, of which {stayed} stayed, {stayed_first} at "
		"first"},
	[EVENT_MALLOC_SHARED] = {VERBOSITY_VERBOSE,
		"process {pid}: of {kb} kB in malloc at {at} s, {tables_kb} are tables and items, "
		"{others_kb} other objects of Python's"},

	[EVENT_MONITORING] = {VERBOSITY_NORMAL, "metrics at http://{text}/metrics"},
	[EVENT_PAGE] = {VERBOSITY_NORMAL, "page at http://{text}/, opened by the token in {path}"},
	[EVENT_SERVICE_CAME] = {VERBOSITY_NORMAL, "watching {name}, cgroup {path}"},
	[EVENT_SERVICE_WENT] = {VERBOSITY_NORMAL, "no process of {name} is left, cgroup {path}"},
	[EVENT_NO_SERVICE] = {VERBOSITY_NORMAL, "{failure}: waiting for one"},
	[EVENT_FINDING] = {VERBOSITY_QUIET, "{name}: {text}"},
	[EVENT_FINDING_OVER] = {VERBOSITY_QUIET, "{name}: no more: {text}"},
	[EVENT_NEAR_LIMIT] = {VERBOSITY_QUIET,
		"cgroup {path}: {percent} % of its memory limit is used"},
	[EVENT_NOT_NEAR_LIMIT] = {VERBOSITY_QUIET,
		"cgroup {path}: no more near its memory limit: {percent} % are used"},
	[EVENT_HOOK_FAILED] = {VERBOSITY_QUIET, "{command} {end}: it was told of an alert"},
	[EVENT_ALERT_DELAYED] = {VERBOSITY_QUIET,
		"{path} did not take an alert, which is posted again: {text}"},
	[EVENT_ALERT_DROPPED] = {VERBOSITY_QUIET,
		"{path} did not take an alert, which is dropped: {text}"},
	[EVENT_ALERTS_LEFT] = {VERBOSITY_QUIET,
		"alerts that were not delivered, {count}, are lost; with --history they are kept"},
	[EVENT_NOT_ASKED] = {VERBOSITY_VERBOSE, "{name}: not asked why it grows: {text}"},
	[EVENT_HISTORY_NOT_WRITTEN] = {VERBOSITY_QUIET,
		"what happens now is not kept in {path}: {text}"},
	[EVENT_NOT_REPORTED] = {VERBOSITY_QUIET,
		"there is no report of this day in {path}: what was to write it {end}"},
	/* clang-format on */
};

struct telling {
	const struct event *event;
	char room[REASON_SIZE]; /* for what is no text yet */
};

static const char *find_text(const struct event *event, const char *name, size_t length)
{
	const struct {
		const char *name;
		const char *text;
	} texts[] = {
		{"path", event->path},
		{"comm", event->comm},
		{"command", event->command},
		{"name", event->name ? event->name : "(no name)"},
		{"allocator", event->allocator},
		{"version", event->version},
		{"mode", event->mode},
		{"text", event->text},
		{"failure", event->failure ? event->failure->text : NULL},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (sentence_is_word(name, length, texts[i].name))
			return texts[i].text ? texts[i].text : "?";
	return NULL;
}

static bool write_number(struct telling *telling, const char *name, size_t length)
{
	const struct event *event = telling->event;
	const struct {
		const char *name;
		int digits; /* behind the point */
		double value;
	} numbers[] = {
		{"pid", 0, event->pid},
		{"count", 0, (double)event->count},
		{"calls", 0, event->calls_per_s},
		{"percent", event->percent < 10 ? 1 : 0, event->percent},
		{"seconds", 1, event->seconds},
		{"took", 3, event->seconds},
		{"at", 0, event->seconds},
		{"each_us", 1, event->each_us},
		{"kb", 0, event->bytes / 1e3},
		{"tables_kb", 0, event->tables_bytes / 1e3},
		{"others_kb", 0, event->others_bytes / 1e3},
		{"stayed", 0, (double)event->stayed},
		{"stayed_first", 0, (double)event->stayed_first},
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (!sentence_is_word(name, length, numbers[i].name))
			continue;
		snprintf(telling->room, sizeof(telling->room), "%.*f", numbers[i].digits,
			 numbers[i].value);
		return true;
	}
	return false;
}

static const char *find_word(void *context, const char *name, size_t length)
{
	struct telling *telling = context;
	const struct event *event = telling->event;
	const char *text = find_text(event, name, length);

	if (text)
		return text;
	if (write_number(telling, name, length))
		return telling->room;
	if (sentence_is_word(name, length, "error"))
		return strerror(-event->error);
	if (sentence_is_word(name, length, "end"))
		return process_end_text(event->status, telling->room, sizeof(telling->room));
	if (sentence_is_word(name, length, "cost") && event->estimate)
		return estimate_cost_text(event->estimate, telling->room);
	if (sentence_is_word(name, length, "reason"))
		return reason_write(event->reason, event->words, telling->room,
				    sizeof(telling->room));
	return "?";
}

size_t tell_write(const struct event *event, char *text, size_t size)
{
	struct telling telling = {.event = event};

	return sentence_write(sentences[event->kind].text, find_word, &telling, text, size);
}

static void print(enum verbosity heard, const char *text)
{
	if (heard == VERBOSITY_QUIET)
		message_error("%s", text);
	else if (heard == VERBOSITY_NORMAL)
		message_info("%s", text);
	else
		message_detail("%s", text);
}

/* However long the names in it are. */
static void hear(void *context, const struct event *event)
{
	size_t size = tell_write(event, NULL, 0) + 1;
	char *text = malloc(size);

	(void)context;
	if (!text)
		return;
	tell_write(event, text, size);
	print(sentences[event->kind].heard, text);
	free(text);
}

const struct listener people = {.hear = hear};
