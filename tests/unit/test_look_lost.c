/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A look at what is lost takes long where there is much, and lets others act meanwhile, who may end
 * it. The process that is looked at is a child that stands still.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "look/lost.h"

#define BLOCKS          5000
#define BUDGET          (256 << 20)
#define STRING(number)  STRING_(number)
#define STRING_(number) #number

static const struct procfs procfs = {.root = "/proc"};

struct fixture {
	pid_t child;
	struct reach *reach;
	int calls;
	int refused_at; /* the call; 0: none */
};

static void act(void *context)
{
	struct fixture *fixture = context;

	if (++fixture->calls == fixture->refused_at)
		reach_refuse(fixture->reach, "somebody wants an end");
}

/* Some program whose malloc is glibc's, whatever this one's is: a block and more for a variable. */
static _Noreturn void run_child(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execl("/bin/sh", "sh", "-c",
	      "i=0; while [ $i -lt " STRING(BLOCKS) " ]; do eval v$i=$i; i=$((i + 1)); done; "
						    "kill -STOP $$",
	      NULL);
	_exit(1);
}

/* The process has done what it does. */
static void begin(struct fixture *fixture, int refused_at)
{
	int status;

	*fixture = (struct fixture){.child = fork(), .refused_at = refused_at};
	if (!fixture->child)
		run_child();
	assert_int_equal(waitpid(fixture->child, &status, WUNTRACED), fixture->child);
	assert_true(WIFSTOPPED(status));
	fixture->reach = reach_new(&procfs, fixture->child, BUDGET);
	assert_non_null(fixture->reach);
	reach_meanwhile(fixture->reach, act, fixture);
}

static void end(struct fixture *fixture)
{
	reach_free(fixture->reach);
	kill(fixture->child, SIGKILL);
	waitpid(fixture->child, NULL, 0);
}

static void test_others_act_meanwhile(void **state)
{
	struct fixture fixture;
	int calls;

	(void)state;
	begin(&fixture, 0);
	lost_look(fixture.reach, &procfs, fixture.child, NULL);
	assert_false(reach_refused(fixture.reach));
	calls = fixture.calls;
	assert_in_range(calls, BLOCKS / 1024, INT32_MAX);
	reach_meanwhile(fixture.reach, NULL, NULL);
	lost_look(fixture.reach, &procfs, fixture.child, NULL);
	assert_int_equal(fixture.calls, calls);
	assert_string_equal(reach_lost(fixture.reach).problem, "");
	end(&fixture);
}

/* At the first moment, while the heap is gone through; and where the roots are read. */
static void test_others_end_it(void **state)
{
	struct fixture fixture;

	(void)state;
	for (int at = 1; at < 2 * BLOCKS / 1024; at++) {
		begin(&fixture, at);
		lost_look(fixture.reach, &procfs, fixture.child, NULL);
		assert_string_equal(reach_lost(fixture.reach).problem, "somebody wants an end");
		end(&fixture);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_others_act_meanwhile),
		cmocka_unit_test(test_others_end_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
