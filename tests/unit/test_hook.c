/* SPDX-License-Identifier: BSD-2-Clause */
/* A program that is started for alerts: what it gets, one at a time, and when it is ended. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/capability.h>
#include <sys/wait.h>

#include "made_tree.h"
#include "service/monitor/hook.h"

static struct loop *loop;
static int failed_status; /* of the last one that failed, as wait(2) has it */

static void hear(void *context, const struct event *event)
{
	(void)context;
	assert_int_equal(event->kind, EVENT_HOOK_FAILED);
	failed_status = event->status;
}

static const struct listener listener = {hear, NULL};

static int setup(void **state)
{
	(void)state;
	tree_make("/tmp/unfreed-hook");
	loop = loop_new();
	failed_status = 0;
	return loop ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	loop_free(loop);
	tree_remove();
	return 0;
}

/* A script of this body in the tree; it runs where it lies. */
static const char *write_hook(const char *body)
{
	static char path[512];
	char text[1000];

	snprintf(text, sizeof(text), "#!/bin/sh\ncd %s\n%s\n", tree_root, body);
	tree_write("hook", text);
	snprintf(path, sizeof(path), "%s", tree_path("hook"));
	assert_int_equal(chmod(path, 0700), 0);
	return path;
}

static void check_file(const char *name, const char *expected)
{
	char text[200] = "";
	FILE *file = fopen(tree_path(name), "r");

	assert_non_null(file);
	assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
	fclose(file);
	assert_string_equal(text, expected);
}

static void test_it_gets_the_alert(void **state)
{
	(void)state;
	struct delivery *hook =
		hook_new(loop, write_hook("cat >got; echo $# >>got; touch done"), 60, &listener);
	delivery_send(hook, "{\"name\":\"it's \\\"a\\\"; $(b)\\n\"}");
	while (access(tree_path("done"), F_OK))
		loop_wait(loop, 100);
	delivery_free(hook);
	check_file("got", "{\"name\":\"it's \\\"a\\\"; $(b)\\n\"}0\n");
}

/* Of those that a service without root hands on to what it starts. */
static bool have_ambient(void)
{
	const cap_value_t capability = CAP_SYS_PTRACE;
	cap_t all = cap_get_proc();
	bool have = !cap_set_flag(all, CAP_INHERITABLE, 1, &capability, CAP_SET) &&
		    !cap_set_proc(all) && !cap_set_ambient(capability, CAP_SET);

	cap_free(all);
	return have;
}

static void test_it_has_no_capability_of_ours(void **state)
{
	(void)state;
	if (!have_ambient())
		skip(); /* needs root */
	struct delivery *hook = hook_new(
		loop, write_hook("grep CapAmb /proc/self/status >got; touch done"), 60, &listener);
	delivery_send(hook, "a");
	while (access(tree_path("done"), F_OK))
		loop_wait(loop, 100);
	delivery_free(hook);
	check_file("got", "CapAmb:\t0000000000000000\n");
	assert_int_equal(cap_get_ambient(CAP_SYS_PTRACE), CAP_SET);
	cap_reset_ambient();
}

static void test_how_it_ended_is_told(void **state)
{
	(void)state;
	struct delivery *hook = hook_new(loop, write_hook("exit 3"), 60, &listener);
	delivery_send(hook, "a");
	while (!failed_status)
		loop_wait(loop, -1);
	assert_int_equal(WEXITSTATUS(failed_status), 3);
	delivery_free(hook);
}

/* With what it has started. */
static void test_one_that_hangs_is_killed(void **state)
{
	char text[200] = "";
	FILE *file;

	(void)state;
	struct delivery *hook =
		hook_new(loop, write_hook("sleep 1000 & echo $! >child; wait"), 1, &listener);
	delivery_send(hook, "a");
	while (!failed_status)
		loop_wait(loop, -1);
	assert_true(WIFSIGNALED(failed_status) && WTERMSIG(failed_status) == SIGKILL);
	file = fopen(tree_path("child"), "r");
	assert_non_null(file);
	assert_non_null(fgets(text, sizeof(text), file));
	fclose(file);
	while (!kill(atoi(text), 0))
		usleep(10000); /* until whoever it is a child of now has noticed */
	delivery_free(hook);
}

static void test_not_more_than_so_many_wait(void **state)
{
	(void)state;
	struct delivery *hook = hook_new(loop, write_hook("sleep 1000"), 1000, &listener);
	for (int i = 0; i < 100; i++)
		delivery_send(hook, "a");
	assert_int_equal(delivery_dropped(hook), 100 - 1 - 32);
	delivery_free(hook);
}

static void test_what_may_be_a_hook(void **state)
{
	struct failure failure;

	(void)state;
	const char *path = write_hook("");
	assert_int_equal(hook_check(path, &failure), 0);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(hook_check(tree_root, &failure), -1);
	assert_int_equal(chmod(path, 0720), 0);
	assert_int_equal(hook_check(path, &failure), -1);
	assert_int_equal(chmod(path, 0702), 0);
	assert_int_equal(hook_check(path, &failure), -1);
	assert_non_null(strstr(failure.text, "can change"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(hook_check(path, &failure), -1);
	assert_int_equal(hook_check("true", &failure), -1);
	assert_int_equal(failure.status, STATUS_USAGE);
}

int main(void)
{
#define IN_A_TREE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		IN_A_TREE(test_it_gets_the_alert),
		IN_A_TREE(test_it_has_no_capability_of_ours),
		IN_A_TREE(test_how_it_ended_is_told),
		IN_A_TREE(test_one_that_hangs_is_killed),
		IN_A_TREE(test_not_more_than_so_many_wait),
		IN_A_TREE(test_what_may_be_a_hook),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
