/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap and why, asked about a living interpreter (living.h) that is ours, so that it
 * takes no rights: what they write is read again and held against what it says of itself.
 * Run from the top directory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyze/answer_read.h"
#include "command_run.h"
#include "commands/heap.h"
#include "commands/why.h"
#include "golden.h"
#include "living.h"
#include "look/read.h"

static struct living *living;

/* To be freed. A %d in the line stands for the process. */
static struct run ask(int (*command)(int argc, char **argv), const char *line)
{
	char words[400];

	snprintf(words, sizeof(words), line, (int)living->pid);
	return run_words(command, words);
}

static void check_done(struct run *run)
{
	if (run->status)
		fail_msg("status %d: %s", run->status, run->err);
	run_release(run);
}

static struct look *read_look(const char *name)
{
	char *text = read_all(tree_path(name)), error[400];

	assert_non_null(text);
	struct look *look = look_read_text(name, text, strlen(text), error, sizeof(error));

	if (!look)
		fail_msg("%s", error);
	free(text);
	return look;
}

static const struct look_type *find_type(const struct look *look, const char *name)
{
	for (size_t i = 0; i < look->type_count; i++)
		if (!strcmp(look->types[i].name, name))
			return &look->types[i];
	fail_msg("no type %s", name);
	return NULL;
}

static const struct look_container *find_container(const struct look *look, const char *name)
{
	for (size_t i = 0; i < look->container_count; i++)
		if (look->containers[i].name && !strcmp(look->containers[i].name, name))
			return &look->containers[i];
	fail_msg("no container %s", name);
	return NULL;
}

static void test_heap(void **state)
{
	(void)state;
	struct run run = ask(heap_main, "-p %d --top 500 -o %%a.json");

	check_done(&run);
	struct look *look = read_look("a.json");

	assert_int_equal(look->pid, living->pid);
	assert_string_equal(look->comm, "python3");
	assert_int_equal(find_type(look, "__main__.Plain")->count, ROUND + 3);
	assert_true(find_type(look, "list")->count > 4 * ROUND);
	for (size_t i = 0; i < living->count; i++) {
		const struct told *told = &living->told[i];
		char name[64];

		if (told->length < 100)
			continue;
		snprintf(name, sizeof(name), "__main__.%s", told->name);
		const struct look_container *container = find_container(look, name);

		assert_int_equal(container->length, told->length);
		assert_int_equal(container->address, told->address);
		assert_int_equal((long)container->bound, told->bound);
	}
	look_free(look);
}

/* Text, of the same. */
static void test_heap_as_text(void **state)
{
	struct run run = ask(heap_main, "%d --with-keys");

	(void)state;
	assert_int_equal(run.status, 0);
	assert_non_null(strstr(run.out, "__main__.MANY"));
	assert_non_null(strstr(run.out, "dict"));
	run_release(&run);
}

static void test_holders(void **state)
{
	struct run run = ask(heap_main, "%d --holders __main__.Plain");

	(void)state;
	assert_int_equal(run.status, 0);
	assert_non_null(strstr(run.out, "__main__.MANY[*]"));
	assert_non_null(strstr(run.out, "__main__.PLAIN"));
	run_release(&run);
	run = ask(heap_main, "%d --holders __main__.DEQUE -f dot");
	assert_int_equal(run.status, 0);
	assert_int_equal(strncmp(run.out, "digraph", 7), 0);
	run_release(&run);
	run = ask(heap_main, "%d --holders no.such.type");
	assert_true(run.status != 0 || strstr(run.out, "no.such.type"));
	run_release(&run);
}

static void test_growth(void **state)
{
	(void)state;
	struct run run = ask(heap_main, "%d -o %%before.json");

	check_done(&run);
	tell(living, "leak");
	run = ask(heap_main, "%d -i 0.3 --looks 4 --top 1");
	assert_int_equal(run.status, 0);
	assert_non_null(strstr(run.out, "__main__.GROWING "));
	run_release(&run);
	run = ask(heap_main, "%d -i 0.1 --looks 3 -f json");
	assert_int_equal(run.status, 0);
	assert_non_null(strstr(run.out, "\"name\":\"__main__.GROWING\""));
	run_release(&run);
	run = ask(heap_main, "%d --diff %%before.json");
	assert_int_equal(run.status, 0);
	assert_non_null(strstr(run.out, "__main__.GROWING"));
	run_release(&run);
}

static void test_lost(void **state)
{
	struct run run = ask(heap_main, "%d --lost -i 0.05 --looks 3 -f json");

	(void)state;
	assert_int_equal(run.status, 0);
	assert_non_null(strstr(run.out, "\"lost"));
	run_release(&run);
}

static void test_nobody_there(void **state)
{
	struct run run = run_words(heap_main, "4194304");

	(void)state;
	assert_int_equal(run.status, STATUS_TARGET);
	assert_string_equal(run.err, "unfreed: there is no process 4194304\n");
	run_release(&run);
	run = run_words(why_main, "4194304");
	assert_int_equal(run.status, STATUS_TARGET);
	assert_string_equal(run.err, "unfreed: there is no process 4194304\n");
	run_release(&run);
	run = run_words(heap_main, "--core tests/golden/why.json");
	assert_true(run.status);
	assert_non_null(strstr(run.err, "tests/golden/why.json"));
	run_release(&run);
}

/* It goes on leaking since. */
static void test_why(void **state)
{
	(void)state;
	struct run run = ask(why_main, "%d -d 6 -o %%why.json -o %%why.html -o -");

	assert_int_equal(run.status, 0);
	assert_non_null(strstr(run.out, "__main__.GROWING"));
	assert_non_null(strstr(run.err, "why.json"));
	run_release(&run);
	char *text = read_all(tree_path("why.json")), error[400];
	struct answer *answer =
		answer_read_text("why.json", text, strlen(text), error, sizeof(error));

	assert_non_null(answer);
	assert_int_equal(answer->pid, living->pid);
	assert_true(answer->watched_s >= 6 && answer->watched_s < 60);
	assert_true(answer->finding_count >= 1);
	assert_non_null(answer->findings[0].container);
	assert_string_equal(answer->findings[0].container->name, "__main__.GROWING");
	assert_true(answer->findings[0].rate.value > 1e6);
	answer_free(answer);
	free(text);
	text = read_all(tree_path("why.html"));
	assert_non_null(strstr(text, "__main__.GROWING"));
	free(text);
}

static int begin(void **state)
{
	(void)state;
	tree_make("/tmp/unfreed-asked");
	living = start("/usr/bin/python3");
	return 0;
}

static int end(void **state)
{
	(void)state;
	stop(living);
	tree_remove();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heap),    cmocka_unit_test(test_heap_as_text),
		cmocka_unit_test(test_holders), cmocka_unit_test(test_growth),
		cmocka_unit_test(test_lost),    cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_why),
	};

	return cmocka_run_group_tests_name("asked", tests, begin, end);
}
