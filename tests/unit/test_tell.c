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
#include "probes/estimate.h"

static const struct failure failure = {STATUS_KERNEL, "cannot: {pid}"};
static const struct reason_words words = {.pid = 12, .version = "3.12"};

static const struct estimate estimate = {.cpu_percent = 30, .core_percent = 0.5};

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
	.comm = "gunicorn",
	.command = "./server",
	.name = "dict shop.CACHE",
	.status = 3 << 8,
	.estimate = &estimate,
	.calls_per_s = 1234567.8,
	.percent = 33.4,
	.seconds = 12.3456,
	.each_us = 6.54,
	.bytes = 5e6,
	.tables_bytes = 3.0009e6,
	.others_bytes = 0.9991e6,
	.stayed = 20,
	.stayed_first = 3,
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
	[EVENT_NO_WINDOWS] = {VERBOSITY_QUIET, "no window can be opened: Device or resource busy"},
	[EVENT_SITES_PROVEN] = {VERBOSITY_VERBOSE,
		"/usr/lib/lib{path}.so: dict shop.CACHE is seen at one place inside of it from now on: "
		"24 calls were the same there as at their entry and return"},
	[EVENT_SITES_COMPARED] = {VERBOSITY_VERBOSE,
		"/usr/lib/lib{path}.so: 24 calls of dict shop.CACHE were the same at places inside of "
		"it as at their entry and return"},
	[EVENT_SITES_DIFFER] = {VERBOSITY_NORMAL,
		"/usr/lib/lib{path}.so: dict shop.CACHE is seen at its entry and return: places inside "
		"of it differ from these in a: b; c: d, after 24 calls that were the same"},
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
	[EVENT_WORKERS_TOO] = {VERBOSITY_NORMAL,
		"process 4711 forked 24 that run the same program: recorded too"},
	[EVENT_WORKERS_NOW] = {VERBOSITY_NORMAL,
		"process 4711 forked 24 that run the same program: recorded too, but not those to "
		"come: --follow-forks takes them in"},
	[EVENT_COST] = {VERBOSITY_NORMAL,
		"process 4711 makes 1234568 allocator calls per second; exact recording adds about "
		"30 % to its CPU time, 0.5 % of a core"},
	[EVENT_COST_OF_ALL] = {VERBOSITY_NORMAL,
		"24 processes make 1234568 allocator calls per second; exact recording slows none of "
		"them by more than 33 %"},
	[EVENT_COST_WITH_OBJECTS] = {VERBOSITY_NORMAL,
		"with Python's objects 1234568 allocator calls per second are recorded, which takes "
		"about 33 % of a core"},
	[EVENT_LEFT_OUT] = {VERBOSITY_NORMAL, "process 4711 is not traced: cannot: {pid}"},
	[EVENT_TRACING] = {VERBOSITY_NORMAL, "tracing 4711 (gunicorn)"},
	[EVENT_TRACING_MORE] = {VERBOSITY_NORMAL, "and 24 more"},
	[EVENT_STOPPED] = {VERBOSITY_NORMAL,
		"process 4711 (gunicorn) is stopped, by a signal or a debugger: it allocates nothing "
		"until it goes on (kill -CONT 4711)"},
	[EVENT_ENDED] = {VERBOSITY_NORMAL, "process 4711 ended with status 3"},
	[EVENT_COMMAND_ENDED] = {VERBOSITY_NORMAL, "./server ended with status 3"},
	[EVENT_COMMAND_RUNS_ON] = {VERBOSITY_NORMAL, "./server runs on, as process 4711"},
	[EVENT_NOT_JUDGED] = {VERBOSITY_QUIET, "no memory to tell which blocks are lost"},
	[EVENT_LOOKED] = {VERBOSITY_VERBOSE,
		"process 4711: a look without one took 12.346 s of our processor time"},
	[EVENT_LOOKED_WITH_GRAPH] = {VERBOSITY_VERBOSE,
		"process 4711: a look with a graph took 12.346 s of our processor time"},
	[EVENT_WATCHED] = {VERBOSITY_VERBOSE,
		"process 4711: dict shop.CACHE: 24 hits in 12.3 s, 6.5 us each"},
	[EVENT_LOST] = {VERBOSITY_VERBOSE,
		"dict shop.CACHE: nothing refers to 24, of which 20 stayed, 3 at first"},
	[EVENT_MALLOC_SHARED] = {VERBOSITY_VERBOSE,
		"process 4711: of 5000 kB in malloc at 12 s, 3001 are tables and items, 999 other "
		"objects of Python's"},
	[EVENT_MONITORING] = {VERBOSITY_NORMAL, "metrics at http://a: b; c: d/metrics"},
	[EVENT_PAGE] = {VERBOSITY_NORMAL,
		"page at http://a: b; c: d/, opened by the token in /usr/lib/lib{path}.so"},
	[EVENT_SERVICE_CAME] = {VERBOSITY_NORMAL,
		"watching dict shop.CACHE, cgroup /usr/lib/lib{path}.so"},
	[EVENT_SERVICE_WENT] = {VERBOSITY_NORMAL,
		"no process of dict shop.CACHE is left, cgroup /usr/lib/lib{path}.so"},
	[EVENT_NO_SERVICE] = {VERBOSITY_NORMAL, "cannot: {pid}: waiting for one"},
	[EVENT_FINDING] = {VERBOSITY_QUIET, "dict shop.CACHE: a: b; c: d"},
	[EVENT_FINDING_OVER] = {VERBOSITY_QUIET, "dict shop.CACHE: no more: a: b; c: d"},
	[EVENT_NEAR_LIMIT] = {VERBOSITY_QUIET,
		"cgroup /usr/lib/lib{path}.so: 33 % of its memory limit is used"},
	[EVENT_NOT_NEAR_LIMIT] = {VERBOSITY_QUIET,
		"cgroup /usr/lib/lib{path}.so: no more near its memory limit: 33 % are used"},
	[EVENT_HOOK_FAILED] = {VERBOSITY_QUIET,
		"./server ended with status 3: it was told of an alert"},
	[EVENT_ALERT_DELAYED] = {VERBOSITY_QUIET,
		"/usr/lib/lib{path}.so did not take an alert, which is posted again: a: b; c: d"},
	[EVENT_ALERT_DROPPED] = {VERBOSITY_QUIET,
		"/usr/lib/lib{path}.so did not take an alert, which is dropped: a: b; c: d"},
	[EVENT_ALERTS_LEFT] = {VERBOSITY_QUIET,
		"alerts that were not delivered, 24, are lost; with --history they are kept"},
	[EVENT_NOT_ASKED] = {VERBOSITY_VERBOSE,
		"dict shop.CACHE: not asked why it grows: a: b; c: d"},
	[EVENT_HISTORY_NOT_WRITTEN] = {VERBOSITY_QUIET,
		"what happens now is not kept in /usr/lib/lib{path}.so: a: b; c: d"},
	[EVENT_NOT_REPORTED] = {VERBOSITY_QUIET,
		"there is no report of this day in /usr/lib/lib{path}.so: what was to write it ended "
		"with status 3"},
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
	tell_write(&(struct event){.kind = EVENT_WATCHED}, text, sizeof(text));
	assert_string_equal(text, "process 0: (no name): 0 hits in 0.0 s, 0.0 us each");
	tell_write(&(struct event){.kind = EVENT_COST_OF_ALL, .percent = 9.87}, text, sizeof(text));
	assert_non_null(strstr(text, "by more than 9.9 %"));
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
