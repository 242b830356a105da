/* SPDX-License-Identifier: BSD-2-Clause */
/* What ends a recording is noticed in the middle of whatever else is waited for. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tracer/waiting.h"

static void test_a_signal_is_noticed_at_once(void **state)
{
	struct loop *loop = loop_new();
	struct waiting *waiting = waiting_new(loop, 0, 0);

	(void)state;
	assert_non_null(waiting);
	loop_serve(loop);
	assert_false(waiting_interrupted(waiting));
	raise(SIGINT);
	assert_false(waiting_interrupted(waiting));
	loop_serve(loop);
	assert_true(waiting_interrupted(waiting));
	assert_true(*waiting_over(waiting));
	assert_false(*waiting_hurried(waiting));
	raise(SIGTERM);
	loop_serve(loop);
	assert_true(*waiting_hurried(waiting));
	waiting_free(waiting);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_signal_is_noticed_at_once)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
