/* SPDX-License-Identifier: BSD-2-Clause */
/* What stacks are called in one snapshot after another: names are looked up once, and stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "profile/stack_ids.h"
#include "replay_quiet.h"

/* A process whose program, with a function at 0x1100 of its file, begins at `start`; at 0x9000 it
 * has code of a JIT. */
static struct replay *replay_at(uint64_t start)
{
	char maps[100];
	const char *const steps[] = {
		"file app /srv/app",
		"symbol 0x1100 0x100 main",
		"process 10 app /srv/app --serve",
		maps,
		"trace 1 10",
		"refresh 10",
		NULL,
	};
	struct replay *replay = replay_quiet();

	snprintf(maps, sizeof(maps), "maps 10 0x9000 0xb000 0 - %#" PRIx64 " %#" PRIx64 " 0 app",
		 start, start + 0x2000);
	replay_steps(replay, steps);
	return replay;
}

/* What snapshots looked up since the last time. */
static struct name_counts looked_up(struct replay *replay)
{
	static struct name_counts before;
	struct name_counts now = collector_name_counts(replay->collector), since;

	since = (struct name_counts){now.wanted - before.wanted, now.resolved - before.resolved};
	before = now;
	return since;
}

static const char *leaf_of(const struct snapshot *snapshot, size_t stack)
{
	return snapshot->stacks[stack].frames[snapshot->stacks[stack].frame_count - 1]->name;
}

/* A stack is given its names once, however many reports show it. */
static void test_names_of_new_stacks_alone(void **state)
{
	static const char *const first[] = {"stack 1 3 at 0x401110 0x401120 0x7000",
					    "block 3 1 0x1000 100 5", "snapshot", NULL};
	static const char *const same[] = {"block 3 1 0x2000 100 5", "snapshot", NULL};
	static const char *const more[] = {"stack 1 4 at 0x401130 0x401120",
					   "block 4 1 0x3000 900 5", "snapshot", NULL};
	struct replay *replay = replay_at(0x400000);
	struct name_counts since;

	(void)state;
	looked_up(replay);
	replay_steps(replay, first);
	since = looked_up(replay);
	assert_int_equal(since.wanted, 2); /* the third frame is in no file */
	assert_int_equal(since.resolved, 2);
	replay_steps(replay, same);
	since = looked_up(replay);
	assert_int_equal(since.wanted, 0);
	assert_int_equal(since.resolved, 0);
	replay_steps(replay, more);
	since = looked_up(replay);
	assert_int_equal(since.wanted, 2);
	assert_int_equal(since.resolved, 1);
	assert_string_equal(leaf_of(replay->snapshots[1], 0), "main");
	assert_string_equal(leaf_of(replay->snapshots[2], 0), "main");
	assert_string_equal(leaf_of(replay->snapshots[2], 1), "main");
	replay_quiet_free(replay);
}

/* Nobody waits for any answer: a report has the places, and the next one the names. */
static void test_names_that_come_late(void **state)
{
	static const char *const first[] = {"stack 1 3 at 0x401110 0x401120",
					    "block 3 1 0x1000 100 5", "snapshot", NULL};
	static const char *const more[] = {"stack 1 4 at 0x401130 0x401120",
					   "block 4 1 0x2000 900 5", "snapshot", NULL};
	static const char *const same[] = {"snapshot", NULL};
	struct replay *replay = replay_at(0x400000);
	struct loop *loop = loop_new();
	size_t ended = confined_ended(confined);

	(void)state;
	looked_up(replay);
	confined_use_loop(confined, loop);
	confined_wait_until(confined, 1);
	replay_steps(replay, first);
	/* what came since is not asked for before that has come */
	replay_steps(replay, more);
	assert_string_equal(leaf_of(replay->snapshots[1], 0), "[app+0x1130]");
	assert_int_equal(replay->snapshots[0]->losses[LOSS_names_late], 2);
	assert_int_equal(replay->snapshots[1]->losses[LOSS_names_late], 3);
	assert_int_equal(looked_up(replay).resolved, 2);
	while (confined_ended(confined) < ended + 2) /* and the build id */
		assert_true(loop_wait(loop, -1) >= 0);
	confined_wait_until(confined, 0);
	replay_steps(replay, same);
	assert_string_equal(leaf_of(replay->snapshots[2], 0), "main");
	assert_string_equal(leaf_of(replay->snapshots[2], 1), "main");
	assert_int_equal(replay->snapshots[2]->losses[LOSS_names_late], 0);
	assert_int_equal(replay->snapshots[0]->stacks[0].number,
			 replay->snapshots[2]->stacks[1].number);
	assert_int_equal(looked_up(replay).resolved, 1);
	confined_use_loop(confined, NULL);
	loop_free(loop);
	replay_quiet_free(replay);
}

/* More places of one file than are asked for at once. */
static void test_many_names_of_a_file(void **state)
{
	enum { STACKS = 50, FRAMES = 100 };
	struct replay *replay = replay_at(0x400000);
	char line[FRAMES * 10 + 32];
	const char *const steps[] = {line, NULL};
	static const char *const report[] = {"block 3 1 0x1000 100 5", "snapshot", NULL};
	size_t length;

	(void)state;
	looked_up(replay);
	for (unsigned int i = 0; i < STACKS; i++) {
		length = (size_t)snprintf(line, sizeof(line), "stack 1 %u at", i + 3);
		for (unsigned int k = 0; k < FRAMES; k++)
			length += (size_t)snprintf(line + length, sizeof(line) - length, " %#x",
						   0x400010 + i * FRAMES + k);
		replay_steps(replay, steps);
	}
	replay_steps(replay, report);
	assert_int_equal(looked_up(replay).resolved, STACKS * FRAMES);
	assert_int_equal(replay->snapshots[0]->losses[LOSS_names_late], 0);
	replay_quiet_free(replay);
}

static uint64_t id_at(uint64_t start, uint64_t offset)
{
	struct replay *replay = replay_at(start);
	char stack[100];
	const char *const steps[] = {stack, "block 3 1 0x1000 100 5", "snapshot", NULL};

	snprintf(stack, sizeof(stack), "stack 1 3 at %#" PRIx64 " %#" PRIx64, start + 0x1110,
		 start + offset);
	replay_steps(replay, steps);
	struct stack_ids *ids = stack_ids_new(replay->snapshots[0]);
	uint64_t id = stack_id(ids, &replay->snapshots[0]->stacks[0]);

	stack_ids_free(ids);
	replay_quiet_free(replay);
	return id;
}

static void test_ids_wherever_code_lies(void **state)
{
	(void)state;
	assert_true(id_at(0x400000, 0x1120) == id_at(0x7f1234560000, 0x1120));
	assert_true(id_at(0x400000, 0x1120) != id_at(0x400000, 0x1128));
}

/* --- a JIT's --- */

static void write_perf_map(const char *lines)
{
	tree_write("files/tmp/perf-10.map", lines);
}

static struct replay *replay_of_jit(void)
{
	static const char *const steps[] = {"stack 1 3 at 0x9010 0x401120",
					    "stack 1 4 at 0xa010 0x401120",
					    "block 3 1 0x1000 900 5",
					    "block 4 1 0x2000 100 5",
					    "snapshot",
					    NULL};
	struct replay *replay;

	replay = replay_at(0x400000);
	write_perf_map("9000 100 first\n");
	replay_steps(replay, steps);
	return replay;
}

static void test_a_jit_goes_on(void **state)
{
	static const char *const again[] = {"snapshot", NULL};
	struct replay *replay = replay_of_jit();

	(void)state;
	assert_string_equal(leaf_of(replay->snapshots[0], 0), "first");
	assert_string_equal(leaf_of(replay->snapshots[0], 1), "[0xa010]");
	write_perf_map("9000 100 first\na000 100 second\n");
	replay_steps(replay, again);
	assert_string_equal(leaf_of(replay->snapshots[1], 0), "first");
	assert_string_equal(leaf_of(replay->snapshots[1], 1), "second");
	replay_quiet_free(replay);
}

/* A process that got the number of one whose end was not told yet has its own names. */
static void test_a_jit_of_another_process(void **state)
{
	static const char *const again[] = {"snapshot", NULL};
	struct replay *replay = replay_of_jit();

	(void)state;
	write_perf_map("9000 100 others\na000 100 others\n");
	tree_write("10/stat", "10 (app) S 1 1 1 0 -1 0 0 0 0 0 5 6 0 0 20 0 1 0 8 0 0\n");
	replay_steps(replay, again);
	assert_string_equal(leaf_of(replay->snapshots[1], 0), "first");
	assert_string_equal(leaf_of(replay->snapshots[1], 1), "[0xa010]");
	replay_quiet_free(replay);
}

/* A record that comes after the end. */
static void test_a_jit_that_is_gone(void **state)
{
	static const char *const steps[] = {"exit 1", "stack 1 3 at 0x9010 0x401120",
					    "block 3 1 0x1000 900 5", "snapshot", NULL};
	struct replay *replay = replay_at(0x400000);

	(void)state;
	write_perf_map("9000 100 others\n");
	replay_steps(replay, steps);
	assert_string_equal(leaf_of(replay->snapshots[0], 0), "[0x9010]");
	replay_quiet_free(replay);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_of_new_stacks_alone),
		cmocka_unit_test(test_names_that_come_late),
		cmocka_unit_test(test_many_names_of_a_file),
		cmocka_unit_test(test_ids_wherever_code_lies),
		cmocka_unit_test(test_a_jit_goes_on),
		cmocka_unit_test(test_a_jit_of_another_process),
		cmocka_unit_test(test_a_jit_that_is_gone),
	};

	return cmocka_run_group_tests(tests, confined_setup, confined_teardown);
}
