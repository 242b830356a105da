/* SPDX-License-Identifier: BSD-2-Clause */
/* Each event has one sentence; what it names stands in braces, see find_word(). */
#include "tell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/sentence.h"

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
