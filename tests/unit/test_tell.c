/* SPDX-License-Identifier: BSD-2-Clause */
/* What people are told of each event, word by word, and at which verbosity. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands/tell.h"

static const struct failure failure = {STATUS_KERNEL, "cannot: {pid}"};
static const struct reason_words words = {.pid = 12, .version = "3.12"};

static const struct event event = {
	.pid = 4711,
	.error = -EBUSY,
	.count = 24,
	.path = "/usr/lib/lib{path}.so",
	.allocator = "jemalloc",
	.version = "3.11",
	.mode = "pools",
	.text = "a: b; c: d",
	.failure = &failure,
	.reason = REASON_GONE,
	.words = &words,
};

static const struct {
	enum verbosity heard;
	const char *text;
} expected[EVENT_COUNT] = {
	/* clang-format off */
	[EVENT_PROBED] = {VERBOSITY_VERBOSE,
		"process 4711: /usr/lib/lib{path}.so (jemalloc), 24 functions"},
	[EVENT_NOT_PROBED] = {VERBOSITY_NORMAL,
		"cannot put probes on /usr/lib/lib{path}.so of process 4711: Device or resource busy; "
		"what is allocated with it is not seen"},
	[EVENT_HIDDEN] = {VERBOSITY_NORMAL,
		"process 4711 has jemalloc in /usr/lib/lib{path}.so, without the names of its "
		"functions (stripped): what is allocated with it is not seen"},
	[EVENT_LINKER_NOT_WATCHED] = {VERBOSITY_VERBOSE,
		"cannot watch /usr/lib/lib{path}.so for libraries loaded later: Device or resource busy"},
	[EVENT_NOT_READ] = {VERBOSITY_VERBOSE, "process 4711: not read: a: b; c: d"},
	[EVENT_FILE_TROUBLE] = {VERBOSITY_VERBOSE, "a: b; c: d"},
	[EVENT_NOT_ATTACHED] = {VERBOSITY_NORMAL, "cannot: {pid}"},
	[EVENT_PYTHON] = {VERBOSITY_VERBOSE, "process 4711: CPython 3.11, pools"},
	[EVENT_PYTHON_NOTE] = {VERBOSITY_NORMAL, "process 4711: CPython 3.11: process 12 is gone"},
	[EVENT_PYTHON_NOT_UNDERSTOOD] = {VERBOSITY_NORMAL, "process 4711: cannot: {pid}"},
	[EVENT_PYTHON_ENDED] = {VERBOSITY_NORMAL,
		"process 4711 ended before its CPython was understood"},
	[EVENT_NO_PYTHON] = {VERBOSITY_VERBOSE, "process 4711: cannot: {pid}"},
	[EVENT_STEERED_ALREADY] = {VERBOSITY_VERBOSE, "process 4711: steered already"},
	[EVENT_STEERING_TAKEN_OVER] = {VERBOSITY_NORMAL,
		"process 4711: an earlier tool left 24 allocator slots of CPython 3.11 steered: they "
		"are taken over, and get their old values back at the end"},
	[EVENT_STEERING] = {VERBOSITY_NORMAL,
		"process 4711: steering the allocator slots of CPython 3.11: this writes 24 pointers "
		"into the process, which get their old values back at the end"},
	[EVENT_STAYS_STEERED] = {VERBOSITY_QUIET,
		"process 4711 stays steered, which does it no harm: Device or resource busy; the next "
		"attach with --python exact can give its slots back"},
	[EVENT_REASON] = {VERBOSITY_NORMAL, "process 12 is gone"},
	/* clang-format on */
};

static struct event make_event(enum event_kind kind)
{
	struct event made = event;

	made.kind = kind;
	return made;
}

static void test_sentences(void **state)
{
	char text[500];

	(void)state;
	for (enum event_kind kind = 0; kind < EVENT_COUNT; kind++) {
		struct event made = make_event(kind);

		if (!expected[kind].text)
			fail_msg("event %d: no sentence is expected", kind);
		assert_int_equal(tell_write(&made, text, sizeof(text)),
				 strlen(expected[kind].text));
		assert_string_equal(text, expected[kind].text);
	}
}

/* Whatever is not known leaves a mark, and no harm. */
static void test_nothing_known(void **state)
{
	char text[500];

	(void)state;
	for (enum event_kind kind = 0; kind < EVENT_COUNT; kind++)
		tell_write(&(struct event){.kind = kind}, text, sizeof(text));
	tell_write(&(struct event){.kind = EVENT_PROBED}, text, sizeof(text));
	assert_string_equal(text, "process 0: ? (?), 0 functions");
}

/* What an event puts on stderr, without what stands before all of them; "": nothing. */
static void hear(const struct event *event, enum verbosity verbosity, char text[500])
{
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);
	size_t length;

	assert_non_null(file);
	assert_true(saved >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
	message_set_verbosity(verbosity);
	event_tell(&people, event);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	rewind(file);
	length = fread(text, 1, 499, file);
	fclose(file);
	text[length] = '\0';
}

static void test_verbosity(void **state)
{
	char text[500], line[500];

	(void)state;
	for (enum event_kind kind = 0; kind < EVENT_COUNT; kind++) {
		struct event made = make_event(kind);

		snprintf(line, sizeof(line), "unfreed: %s\n", expected[kind].text);
		for (enum verbosity at = VERBOSITY_QUIET; at <= VERBOSITY_VERBOSE; at++) {
			hear(&made, at, text);
			assert_string_equal(text, at >= expected[kind].heard ? line : "");
		}
	}
}

/* No name is too long to be told, and none can do anything to a terminal. */
static void test_hostile_names(void **state)
{
	char *name = malloc(20001), text[500];
	struct event made = make_event(EVENT_FILE_TROUBLE);

	(void)state;
	memset(name, 'x', 20000);
	name[20000] = '\0';
	made.text = name;
	assert_int_equal(tell_write(&made, NULL, 0), 20000);
	hear(&made, VERBOSITY_VERBOSE, text);
	assert_int_equal(strlen(text), 499);
	free(name);
	made.text = "a\033[31m\nb";
	hear(&made, VERBOSITY_VERBOSE, text);
	assert_null(strchr(text, '\033'));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void test_nobody_listens(void **state)
{
	(void)state;
	event_tell(NULL, &event);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sentences),      cmocka_unit_test(test_nothing_known),
		cmocka_unit_test(test_verbosity),      cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_nobody_listens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
