/* SPDX-License-Identifier: BSD-2-Clause */
/* What people are told of a plan, and with which exit status it says no. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "plan/reason.h"

static const struct reason_words words = {
	.pid = 4711,
	.percent = 33.4,
	.calls_per_s = 1234567.8,
	.comm = "gunicorn",
	.release = "6.1.0-test",
	.probes = "session",
	.lacks = "without CAP_BPF; run as root",
	.version = "3.11",
};

/* What nobody else says, and whether it refuses. */
static const struct {
	enum exit_status status;
	const char *part;
} expected[REASON_COUNT] = {
	/* clang-format off */
	[REASON_NONE] = {STATUS_OK, ""},
	[REASON_FREEZE_ALONE] = {STATUS_USAGE, "--freeze stops the targets for --reachability"},
	[REASON_NO_MALLOC_TO_REACH] = {STATUS_USAGE, "--reachability is of malloc's blocks, and --malloc off"},
	[REASON_NOTHING_ASKED] = {STATUS_USAGE, "--malloc off and --python off leave nothing"},
	[REASON_PEAK_OF_REACHABLE] = {STATUS_USAGE, "is gone: --reachability cannot be told of that"},
	[REASON_PEAK_OF_OLD] = {STATUS_USAGE, "is gone: --older-than cannot be told of that"},
	[REASON_PEAK_OF_NOTHING] = {STATUS_USAGE, "--peak is of malloc's blocks, and of Python's"},
	[REASON_GROWTH_ALONE] = {STATUS_USAGE, "--growth is of new pages of memory, not of allocators' blocks"},
	[REASON_BUDGET_ALONE] = {STATUS_USAGE, "--budget records malloc's calls for moments: leave --exact"},
	[REASON_NO_PRIVILEGE] = {STATUS_KERNEL, "not allowed to load BPF programs without CAP_BPF; run as root"},
	[REASON_OTHER_PIDS] = {STATUS_KERNEL, "this PID namespace is not the host's: run unfreed on the host"},
	[REASON_NO_SUCH_PROBES] = {STATUS_KERNEL, "Linux 6.1.0-test has no session probes; `unfreed doctor`"},
	[REASON_NO_PROBES] = {STATUS_KERNEL, "Linux 6.1.0-test cannot probe user space"},
	[REASON_NO_PROBES_HERE] = {STATUS_KERNEL, "no probes are to be had here"},
	[REASON_GONE] = {STATUS_TARGET, "process 4711 is gone"},
	[REASON_NOT_ALLOWED] = {STATUS_KERNEL, "not allowed to look into process 4711 (gunicorn) without CAP_SYS_PTRACE"},
	[REASON_NO_EXECUTABLE] = {STATUS_TARGET, "process 4711 (gunicorn) has no executable: a kernel thread"},
	[REASON_32_BIT] = {STATUS_TARGET, "process 4711 (gunicorn) is a 32-bit program"},
	[REASON_SECCOMP] = {STATUS_TARGET, "process 4711 (gunicorn) runs under seccomp, and return probes of Linux "
			    "6.1.0-test would kill it (CVE-2025-21834); update the kernel, or let --growth"},
	[REASON_NO_MALLOC] = {STATUS_TARGET, "found no malloc in process 4711: a static executable"},
	[REASON_MALLOC_DEAR] = {STATUS_TARGET, "refused: exact recording would slow process 4711 by about 33 %, more "
				"than 25 %, and what is asked for needs each call; with fewer options"},
	[REASON_WINDOWS_INSTEAD] = {STATUS_OK, "exact recording would slow process 4711 by about 33 %: calls are "
				    "recorded for moments instead, at most 5 % of its time"},
	[REASON_MALLOC_DEAR_MEANWHILE] = {STATUS_TARGET, "recording malloc's calls would slow it by 33 %"},
	[REASON_NO_OBJECTS] = {STATUS_TARGET, "process 4711 is no CPython whose objects can be seen"},
	[REASON_MALLOC_LEFT_OUT] = {STATUS_OK, "that is more than 25 %: malloc's calls are left out"},
	[REASON_NOTHING_TO_JUDGE] = {STATUS_OK, "without malloc's calls --reachability has nothing to judge"},
	[REASON_OBJECTS_DEAR] = {STATUS_OK, "it is 1234568 calls per second, and exact recording slows it by about 33 %"},
	[REASON_OBJECTS_CHEAPER] = {STATUS_OK, "1234568 calls per second, and exact recording slows it by about 33 %: its "
				    "objects are recorded in a cheaper way"},
	[REASON_OBJECTS_REFUSED] = {STATUS_TARGET, "refused: that is more than 25 %; --python pools is near-free"},
	[REASON_NO_ALLOCATORS] = {STATUS_TARGET, "process 4711: the allocators of CPython 3.11 were not found"},
	[REASON_HOOK_IN_FRONT] = {STATUS_TARGET, "a hook stands in front of it; try --python pools"},
	[REASON_NO_SECOND_ADDRESS] = {STATUS_TARGET, "a function of it has no second address; try --python pools"},
	[REASON_NO_REFILL] = {STATUS_TARGET, "has no pool refill to probe; try --python exact"},
	[REASON_ALLOCATOR_NOT_FOUND] = {STATUS_OK, "its allocator was not found, or it has ended"},
	[REASON_SYSTEM_MALLOC] = {STATUS_OK, "PYTHONMALLOC=malloc: malloc's probes see all"},
	[REASON_MIMALLOC] = {STATUS_OK, "its built-in mimalloc is not covered"},
	[REASON_UNKNOWN_ALLOCATOR] = {STATUS_OK, "its allocator was set by an extension and is not known"},
	[REASON_HOOK] = {STATUS_OK, "an allocator hook of an extension is on"},
	[REASON_HOOK_DEBUG] = {STATUS_OK, "the debug allocator is on"},
	[REASON_HOOK_TRACEMALLOC] = {STATUS_OK, "tracemalloc is on"},
	[REASON_STEPPED] = {STATUS_OK, "single-stepped on this kernel, at 10 to 60 times the cost"},
	[REASON_INLINED] = {STATUS_OK, "it inlines its allocator and has no pool refill to probe; --python exact may see more"},
	[REASON_TOO_OFTEN] = {STATUS_OK, "it allocates too often for exact and has no pool refill"},
	[REASON_LEFT_STEERED] = {STATUS_OK, "process 4711: the allocator slots of CPython 3.11 are steered"},
	/* clang-format on */
};

static void test_sentences(void **state)
{
	(void)state;
	for (enum reason reason = REASON_NONE; reason < REASON_COUNT; reason++) {
		struct failure failure = {.status = STATUS_FAILURE, .text = "unchanged"};
		char text[REASON_SIZE];
		const char *part = expected[reason].part;

		assert_ptr_equal(reason_write(reason, &words, text, sizeof(text)), text);
		if (!part || !strstr(text, part) || (reason && !*part) || strpbrk(text, "{}"))
			fail_msg("reason %d: %s", reason, text);
		for (enum reason other = REASON_NONE + 1; other < reason; other++)
			if (other != REASON_OBJECTS_DEAR && strstr(text, expected[other].part))
				fail_msg("reason %d says what %d says", reason, other);
		assert_int_equal(reason_fail(reason, &words, &failure), reason ? -1 : 0);
		assert_int_equal(failure.status, reason ? expected[reason].status : STATUS_FAILURE);
		assert_string_equal(failure.text, reason ? text : "unchanged");
	}
}

/* Names are a target's: they are nobody's template, and end where there is no room. */
static void test_words_are_data(void **state)
{
	const struct reason_words hostile = {.pid = 1, .comm = "{pid}{", .release = "}{comm}"};
	char text[REASON_SIZE], small[12];

	(void)state;
	reason_write(REASON_SECCOMP, &hostile, text, sizeof(text));
	assert_non_null(strstr(text, "process 1 ({pid}{) runs"));
	assert_non_null(strstr(text, "Linux }{comm} would"));
	reason_write(REASON_GONE, &hostile, small, sizeof(small));
	assert_string_equal(small, "process 1 i");
	reason_write(REASON_GONE, &words, small, sizeof(small));
	assert_string_equal(small, "process 471");
	reason_write(REASON_SECCOMP, NULL, text, sizeof(text));
	assert_non_null(strstr(text, "process 0 (?) runs"));
	reason_write(REASON_NONE, NULL, small, sizeof(small));
	assert_string_equal(small, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sentences),
		cmocka_unit_test(test_words_are_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
