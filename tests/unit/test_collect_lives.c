/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many short lives, each with a library of its own: what the collector keeps of those that ended,
 * and of those that were removed. It holds a descriptor of each file that somebody needs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <malloc.h>
#include <unistd.h>

#include "../../bpf/ledger.h"
#include "count_descriptors.h"
#include "replay_quiet.h"

enum {
	LIVES = 1000,
	FIRST_PID = 1000,
	SPARED = 2 * 64, /* files are swept out after 64 ends, and spared once */
	MEMORY_BYTES_A_LIFE = 2048,
};

static size_t memory_in_use(void)
{
	return mallinfo2().uordblks;
}

/* A child of the first process, which has mapped a library that nobody else has. */
static void begin_life(struct replay *replay, unsigned int number, uint32_t space)
{
	unsigned int pid = FIRST_PID + number;
	char file[64], process[64], maps[100], fork[64], refresh[64];
	const char *const steps[] = {file, "symbol 0x1100 0x40 own", process, maps, fork, refresh,
				     NULL};

	replay->file_count = 1; /* the program stays */
	replay->files[1].inode = 0;
	snprintf(file, sizeof(file), "file lib /srv/lib%u.so", number);
	snprintf(process, sizeof(process), "process %u app /srv/app --serve", pid);
	snprintf(maps, sizeof(maps), "maps %u 0x400000 0x402000 0 app 0x700000 0x702000 0 lib",
		 pid);
	snprintf(fork, sizeof(fork), "fork 1 %u %u", pid, space);
	snprintf(refresh, sizeof(refresh), "refresh %u", pid);
	replay_steps(replay, steps);
}

static void end_life(struct replay *replay, unsigned int number, uint32_t space)
{
	char exit[64], gone[64];
	const char *const steps[] = {exit, gone, NULL};

	snprintf(exit, sizeof(exit), "exit %u", space);
	snprintf(gone, sizeof(gone), "gone %u", FIRST_PID + number);
	replay_steps(replay, steps);
}

/* Nobody gives them up: what they allocated would be in a report. */
static void test_files_of_the_dead_are_closed(void **state)
{
	struct replay *replay = replay_with_process();
	size_t descriptors = count_descriptors(getpid()), memory = 0;

	(void)state;
	for (unsigned int i = 0; i < LIVES; i++) {
		begin_life(replay, i, 2 + i);
		assert_true(count_descriptors(getpid()) > descriptors); /* it was opened */
		end_life(replay, i, 2 + i);
		assert_true(count_descriptors(getpid()) <= descriptors + SPARED + 1);
		if (i == LIVES / 2)
			memory = memory_in_use();
	}
	assert_true(memory_in_use() < memory + LIVES / 2 * MEMORY_BYTES_A_LIFE);
	replay_quiet_free(replay);
}

/* What stacks run through is needed for their names. */
static void test_files_of_stacks_stay(void **state)
{
	static const char *const stack[] = {"stack 2 3 at 0x701110 0x401110",
					    "block 3 2 0x1000 100 5", NULL};
	struct replay *replay = replay_with_process();

	(void)state;
	begin_life(replay, 0, 2);
	replay_steps(replay, stack);
	end_life(replay, 0, 2);
	for (unsigned int i = 1; i < 4 * SPARED; i++) {
		begin_life(replay, i, 2 + i);
		end_life(replay, i, 2 + i);
	}
	const struct snapshot *snapshot = replay_snapshot(replay, true, 0);

	assert_int_equal(snapshot->stack_count, 1);
	assert_string_equal(snapshot->stacks[0].frames[1]->name, "own");
	replay_quiet_free(replay);
}

/* Each with a stack through its library, whose names a report had looked up. */
static void test_nothing_is_left_of_the_removed(void **state)
{
	struct replay *replay = replay_with_process();
	size_t descriptors = count_descriptors(getpid()), memory = 0;

	(void)state;
	for (unsigned int i = 0; i < LIVES; i++) {
		uint32_t space = SPACE(2, i);
		char stack[100];
		const char *const steps[] = {stack, NULL};

		snprintf(stack, sizeof(stack), "stack %u 3 at 0x701110 0x401110", space);
		begin_life(replay, i, space);
		replay_steps(replay, steps);
		if (i % 16 == 0)
			snapshot_free(replay_snapshot(replay, false, 0));
		replay->snapshot_count = 0;
		end_life(replay, i, space);
		collector_remove(replay->collector, space);
		collector_forget_removed(replay->collector);
		assert_true(count_descriptors(getpid()) <= descriptors + 2);
		if (i == LIVES / 2)
			memory = memory_in_use();
	}
	assert_true(memory_in_use() < memory + 65536);
	replay_quiet_free(replay);
}

/* Of a file that is still being read: its code is not in the list, so that
 * nothing is guessed there. */
static void test_tables_that_come_late(void **state)
{
	static const char *const begin[] = {"file app /srv/app",
					    "symbol 0x1100 0x100 main",
					    "process 10 app /srv/app --serve",
					    "maps 10 0x400000 0x402000 0 app",
					    "trace 1 10",
					    NULL};
	struct replay *replay = replay_quiet();
	const uint64_t *list = &replay->unwind.spaces[1];
	struct loop *loop = loop_new();
	size_t ended = confined_ended(confined);

	(void)state;
	replay_steps(replay, begin);
	confined_use_loop(confined, loop);
	confined_wait_until(confined, 1);
	assert_false(collector_refresh(replay->collector, 10));
	assert_int_equal(UNWIND_LIST_COUNT(*list), 0);
	collector_refresh_late(replay->collector);
	assert_false(collector_refresh(replay->collector, 10));
	while (confined_ended(confined) == ended)
		assert_true(loop_wait(loop, -1) >= 0);
	collector_refresh_late(replay->collector);
	assert_int_equal(UNWIND_LIST_COUNT(*list), 1);
	assert_true(collector_refresh(replay->collector, 10));
	confined_wait_until(confined, 0);
	confined_use_loop(confined, NULL);
	loop_free(loop);
	replay_quiet_free(replay);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables_that_come_late),
		cmocka_unit_test(test_files_of_the_dead_are_closed),
		cmocka_unit_test(test_files_of_stacks_stay),
		cmocka_unit_test(test_nothing_is_left_of_the_removed),
	};

	return cmocka_run_group_tests(tests, confined_setup, confined_teardown);
}
