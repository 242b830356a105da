/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What streams (tests/replay/) do not say well: records that are damaged, maps that change while
 * they are read, blocks that were judged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "collect/pools.h"
#include "collect/stack_table.h"
#include "lib/clock.h"
#include "replay_quiet.h"

enum { PID = 10, SPACE = 1 };

static char *text_of(const struct snapshot *snapshot)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	replay_print(file, snapshot);
	fclose(file);
	return text;
}

/* --- records --- */

static struct stack_record whole_stack(void)
{
	struct stack_record record = {
		.record = {.type = RECORD_STACK, .pid = PID, .space = SPACE},
		.frame_count = 2,
		.python_count = 1,
		.place_count = 1,
		.words = {0x1234, 0, 0x401110, 0x401120},
	};
	const struct stack_place place = {.start = 0x400000, .end = 0x402000};

	memcpy(&record.words[4], &place, sizeof(place));
	return record;
}

enum { WHOLE_WORDS = 2 + 2 + PLACE_WORDS };
#define WHOLE_BYTES (offsetof(struct stack_record, words) + WHOLE_WORDS * sizeof(__u64))

static struct image *take(struct replay *replay, const void *record, size_t size)
{
	void *exact = malloc(size ? size : 1); /* nothing may be read behind it */

	memcpy(exact, record, size);
	struct image *image = collector_take(replay->collector, exact, size);

	free(exact);
	return image;
}

/* What they say is in them is there, or they are passed over. */
static void test_counts_of_a_stack(void **state)
{
	static const uint32_t counts[] = {3,          5,          9,          0x40000000,
					  0x80000000, 0x33333334, 0xffffffff, 0xfffffffe};
	struct replay *replay = replay_with_process();
	struct stack_record record = whole_stack();

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		uint32_t *const fields[] = {&record.frame_count, &record.python_count,
					    &record.place_count};

		for (size_t j = 0; j < 3; j++) {
			record = whole_stack();
			*fields[j] = counts[i];
			assert_null(take(replay, &record, WHOLE_BYTES));
		}
	}
	record = whole_stack();
	record.frame_count = 3; /* in the place of half a Python frame */
	record.python_count = 1;
	assert_null(take(replay, &record, WHOLE_BYTES));
	assert_null(take(replay, &record, WHOLE_BYTES - 1));
	record = whole_stack();
	record.record.space = 2;
	assert_null(take(replay, &record, WHOLE_BYTES));
	record.record.space = SPACE;
	assert_non_null(take(replay, &record, WHOLE_BYTES));
	replay_quiet_free(replay);
}

static void test_records_that_are_cut(void **state)
{
	static const struct {
		uint32_t type;
		size_t bytes;
	} types[] = {
		{RECORD_STACK, WHOLE_BYTES},
		{RECORD_LOADED, sizeof(struct record)},
		{RECORD_FORK, sizeof(struct fork_record)},
		{RECORD_EXEC, sizeof(struct exec_record)},
		{RECORD_EXIT, sizeof(struct exit_record)},
		{RECORD_FILE, sizeof(struct file_record)},
		{77, sizeof(struct record)},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct replay *replay = replay_with_process();
		struct file_record record = {.record = {types[i].type, PID, SPACE, 0}};

		if (types[i].type == RECORD_STACK)
			memcpy(&record, &(struct stack_record[]){whole_stack()}[0], WHOLE_BYTES);
		for (size_t size = 0; size < types[i].bytes; size++)
			assert_null(take(replay, &record, size));
		take(replay, &record, types[i].bytes);
		replay_quiet_free(replay);
	}
}

/* Of a process that has just begun, hundreds of stacks come with code that was not listed. */
static void test_mappings_are_not_read_again_for_what_came_before(void **state)
{
	struct replay *replay = replay_with_process();
	struct stack_record record = whole_stack();
	const struct image *image;
	uint64_t read_ns;

	(void)state;
	record.flags = STACK_UNLISTED;
	image = take(replay, &record, WHOLE_BYTES);
	assert_non_null(image);
	read_ns = image->refreshed_ns;
	collector_told_before(replay->collector, read_ns - 1);
	take(replay, &record, WHOLE_BYTES);
	assert_int_equal(image->refreshed_ns, read_ns);
	collector_told_before(replay->collector, clock_ns(CLOCK_MONOTONIC));
	take(replay, &record, WHOLE_BYTES);
	assert_true(image->refreshed_ns > read_ns);
	replay_quiet_free(replay);
}

/* Where a file lies: the names of its path, the last one first, each with its NUL. */
static void test_paths_of_files(void **state)
{
	static const struct {
		char names[8];
		uint32_t bytes;
		bool good;
	} paths[] = {
		{"app\0srv", 8, true},
		{"app\0srv", 7, false}, /* no NUL */
		{"", 0, false},
		{"", 3, true}, /* of no names; leads nowhere */
		{"app\0srv", FILE_PATH_BYTES, true},
		{"app\0srv", FILE_PATH_BYTES + 1, false},
		{"app\0srv", UINT32_MAX, false},
	};
	struct replay *replay = replay_with_process();

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct file_record record = {.record = {RECORD_FILE, PID, SPACE, 0},
					     .inode = 100 + i};

		memcpy(record.path, paths[i].names, sizeof(paths[i].names));
		record.path_bytes = paths[i].bytes;
		assert_int_equal(take(replay, &record, sizeof(record)) != NULL, paths[i].good);
	}
	struct file_record full = {.record = {RECORD_FILE, PID, SPACE, 0},
				   .path_bytes = FILE_PATH_BYTES};

	memset(full.path, 'x', sizeof(full.path));
	assert_null(take(replay, &full, sizeof(full)));
	full.path[FILE_PATH_BYTES - 1] = '\0'; /* one name, as long as it can be */
	assert_non_null(take(replay, &full, sizeof(full)));
	full.record.space = 9;
	assert_null(take(replay, &full, sizeof(full)));
	replay_quiet_free(replay);
}

/* A name of 16 bytes has no NUL. */
static void test_names_of_programs(void **state)
{
	struct replay *replay = replay_with_process();
	struct exec_record record = {.record = {RECORD_EXEC, 99, 2, 0}, .old_space = SPACE};

	(void)state;
	memset(record.comm, 'y', sizeof(record.comm));
	const struct image *image = take(replay, &record, sizeof(record));

	assert_non_null(image);
	assert_string_equal(image->comm, "yyyyyyyyyyyyyyyy");
	assert_ptr_equal(collector_image(replay->collector, 99), image);
	assert_true(collector_image(replay->collector, PID)->gone);
	record.record.space = 0; /* the new image is not traced */
	assert_null(take(replay, &record, sizeof(record)));
	replay_quiet_free(replay);
}

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

/* Whatever comes: nothing is read or written beside it, and a report can be had. */
static void test_noise(void **state)
{
	struct replay *replay = replay_with_process();
	uint64_t seed = 1;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		struct stack_record record = whole_stack();
		uint32_t *words = (uint32_t *)&record;

		record.record.type = (uint32_t)next_random(&seed) % 8;
		for (size_t changes = next_random(&seed) % 6; changes > 0; changes--)
			words[1 + next_random(&seed) % 20] =
				(uint32_t)(next_random(&seed) % 3 ? next_random(&seed) % 20
								  : next_random(&seed) << 1);
		record.record.space = next_random(&seed) % 8 ? SPACE : record.record.space;
		take(replay, &record,
		     next_random(&seed) % 4 ? WHOLE_BYTES : next_random(&seed) % sizeof(record));
	}
	replay_snapshot(replay, true, 0);
	replay_quiet_free(replay);
}

/* --- the ledger --- */

static void test_slots_that_are_no_blocks(void **state)
{
	struct replay *replay = replay_with_process();
	const struct block block = {.size = 64, .time_ns = REPLAY_NOW_NS - 1};
	const struct block far = {.size = 64, .stack = REPLAY_ROWS};
	const struct block young = {.size = 64, .time_ns = REPLAY_NOW_NS + 1};
	struct live_blocks live[REPLAY_ROWS] = {0};

	(void)state;
	replay_block(replay, BLOCK_KEY(SPACE, 0x1000), &block, false);
	replay_block(replay, BLOCK_KEY_BUSY, &block, false);
	replay_block(replay, BLOCK_KEY_EMPTY, &block, false);
	replay_block(replay, BLOCK_KEY(SPACE, 0x2000), &far, false);
	replay_block(replay, BLOCK_KEY(SPACE, 0x2000), &far, true);
	replay_block(replay, BLOCK_KEY(SPACE, 0x3000), &young, false);
	replay_block(replay, BLOCK_KEY(SPACE, 0x4000), &block, true);
	assert_int_equal(ledger_view_scan(&replay->view, REPLAY_NOW_NS, live), 0);
	assert_int_equal(live[0].blocks, 2);
	assert_int_equal(live[0].bytes, 128);
	assert_int_equal(live[0].oldest_ns, REPLAY_NOW_NS - 1);
	for (size_t i = 1; i < REPLAY_ROWS; i++)
		assert_int_equal(live[i].blocks, 0);
	replay_quiet_free(replay);
}

/* As many batches as it takes. */
static void test_spilled_blocks(void **state)
{
	struct replay *replay = replay_with_process();
	struct live_blocks live[REPLAY_ROWS] = {0};

	(void)state;
	for (uint64_t i = 0; i < REPLAY_SPILLED; i++) {
		const struct block block = {.size = 1 + i, .time_ns = 500 - i, .stack = i % 2};

		replay_block(replay, BLOCK_KEY(SPACE, 16 * (1 + i)), &block, true);
	}
	assert_int_equal(ledger_view_scan(&replay->view, UINT64_MAX, live), 0);
	assert_int_equal(live[0].blocks + live[1].blocks, REPLAY_SPILLED);
	assert_int_equal(live[0].bytes + live[1].bytes, REPLAY_SPILLED * (REPLAY_SPILLED + 1) / 2);
	assert_int_equal(live[0].oldest_ns, 500 - (REPLAY_SPILLED - 2));
	replay_spilled_error = EPERM;
	assert_int_equal(ledger_view_scan(&replay->view, UINT64_MAX, live), -EPERM);

	const struct snapshot_request request = {.taken_monotonic_ns = REPLAY_NOW_NS};

	assert_null(collector_snapshot(replay->collector, &request));
	assert_int_equal(errno, EPERM);
	replay_quiet_free(replay);
}

static void test_peak(void **state)
{
	struct replay *replay = replay_with_process();
	const uint64_t counts[] = {1000, 10, 900, 9};
	struct live_blocks held;

	(void)state;
	replay_totals(replay, 0, counts);
	replay_totals(replay, 1, counts);
	replay->view.peak = &replay->peak;
	held = ledger_view_peak(&replay->view, 0);
	assert_int_equal(held.bytes, 0); /* there was none yet */
	replay->peak = (struct peak){.bytes = 600, .number = 3, .time_ns = REPLAY_NOW_NS - 1};
	replay->totals[1].peak_number = 3;
	replay->totals[1].peak_bytes = 500;
	replay->totals[1].peak_blocks = 5;
	replay->totals[0].peak_number = 2; /* of an older one; it did not change since */
	replay->totals[0].peak_bytes = 7;

	const struct snapshot *snapshot = replay_snapshot(replay, true, 0);
	char *text = text_of(snapshot);

	assert_true(snapshot->has_peak);
	assert_int_equal(snapshot->peak_ns, REPLAY_NOW_NS / 2 - 1);
	assert_non_null(strstr(text, "500/5 of 1000/10"));
	assert_non_null(strstr(text, "100/1 of 1000/10"));
	assert_non_null(strstr(text, "live 600/6 of 2000/20"));
	free(text);
	replay_quiet_free(replay);
}

/* --- what blocks are reachable by --- */

static void test_judged_blocks(void **state)
{
	static const char *const steps[] = {
		"stack 1 0 at 0x401110",
		"stack 1 1 at 0x401110 0x401110",
		"block 0 1 0x1000 10 100",
		"block 0 1 0x2000 20 100",
		"block 0 1 0x3000 40 100",
		"block 0 1 0x4000 80 100",
		"block 1 1 0x5000 160 100",
		"block 1 1 0x6000 320 200",
		NULL,
	};
	struct judged_block items[] = {
		{BLOCK_KEY(SPACE, 0x1000), 100, 0, 0, BLOCK_IS_LOST, false},
		{BLOCK_KEY(SPACE, 0x2000), 100, 0, 0, BLOCK_IS_REACHABLE, true},
		{BLOCK_KEY(SPACE, 0x3000), 100, 0, 0, BLOCK_IS_REACHABLE, false},
		{BLOCK_KEY(SPACE, 0x4000), 100, 0, 0, BLOCK_UNTOLD, false},
		{BLOCK_KEY(SPACE, 0x5000), 100, 0, 9, BLOCK_IS_REACHABLE, false}, /* by nothing */
		{BLOCK_KEY(SPACE, 0x6000), 100, 0, 0, BLOCK_IS_LOST, false}, /* another one now */
	};
	struct holder holders[] = {{.name = "cache"}};
	struct judged_process processes[] = {{.space = SPACE, .looks = 3, .frozen_ns = 44}};
	const struct judged_blocks judged = {items, 6, holders, 1, processes, 1};
	struct replay *replay = replay_with_process();
	const struct snapshot_request request = {
		.taken_monotonic_ns = REPLAY_NOW_NS, .last = true, .judged = &judged};

	(void)state;
	replay_steps(replay, steps);
	struct snapshot *snapshot = collector_snapshot(replay->collector, &request);
	const struct stack *first = &snapshot->stacks[1], *second = &snapshot->stacks[0];

	assert_int_equal(second->live_bytes, 480);
	assert_int_equal(second->reachability->lost.blocks, 0);
	assert_int_equal(second->reachability->reachable.blocks, 0);
	assert_int_equal(first->reachability->lost.bytes, 10);
	assert_int_equal(first->reachability->reachable.bytes, 60);
	assert_int_equal(first->reachability->holder_count, 1);
	assert_string_equal(first->reachability->holders[0].holder.name, "cache");
	assert_int_equal(first->reachability->holders[0].held.blocks, 2);
	assert_int_equal(first->reachability->holders[0].direct_blocks, 1);
	assert_int_equal(snapshot->targets[0].reach_looks, 3);
	assert_int_equal(snapshot->targets[0].reach_frozen_ns, 44);
	assert_null(snapshot->targets[0].reach_problem);
	snapshot_free(snapshot);

	strcpy(processes[0].problem, "it moved");
	snapshot = collector_snapshot(replay->collector, &request);
	assert_string_equal(snapshot->targets[0].reach_problem, "it moved");
	assert_null(snapshot->stacks[0].reachability);
	snapshot_free(snapshot);
	for (size_t i = 0; i < 6; i++)
		assert_ptr_equal(judged_find(&judged, items[i].key), &items[i]);
	assert_null(judged_find(&judged, items[0].key - 1));
	assert_null(judged_find(&judged, items[2].key + 1));
	assert_null(judged_find(&judged, items[5].key + 1));
	replay_quiet_free(replay);
}

/* --- what an interpreter counts itself --- */

static double coverage_with(struct python_account account)
{
	static const char *const steps[] = {
		"stack 1 0 python at 0x401110",
		"stack 1 1 at 0x401110",
		"totals 0 32000 3000 8000 1000",
		"totals 1 99999 9999 0 0",
		NULL,
	};
	struct replay *replay = replay_with_process();

	replay_steps(replay, steps);
	account.mode = "exact";
	account.version = "3.11.2";
	collector_image(replay->collector, PID)->account = account;

	const struct snapshot *snapshot = replay_snapshot(replay, true, 0);
	double coverage = snapshot->targets[0].python_coverage;

	assert_string_equal(snapshot->targets[0].python_version, "3.11.2");
	assert_int_equal(snapshot->targets[0].python_counted, account.last_known);
	replay_quiet_free(replay);
	return coverage;
}

static void test_coverage(void **state)
{
	(void)state;
	/* 2000 were seen: of 4000 that are new, of 1900, of too few, of none */
	assert_true(coverage_with((struct python_account){
			    .counted = true, .before = 5000, .now = 8000, .old_frees = 1000}) ==
		    50);
	assert_true(coverage_with((struct python_account){
			    .counted = true, .before = 5000, .now = 6900}) == 100);
	assert_true(coverage_with((struct python_account){
			    .counted = true, .before = 5000, .now = 5999}) < 0);
	assert_true(coverage_with((struct python_account){
			    .counted = true, .before = 5000, .now = 6000, .last_known = true}) ==
		    100);
	assert_true(coverage_with((struct python_account){
			    .counted = true, .before = 5000, .now = 100}) < 0);
	assert_true(coverage_with((struct python_account){.before = 5000, .now = 9000}) < 0);
}

/* --- files --- */

/* Said once each. */
static void test_troubles(void **state)
{
	static const char *const steps[] = {
		"text /srv/not.so no ELF file at all",
		"file not /srv/not.so",
		NULL,
	};
	struct replay *replay = replay_with_process();
	struct file_record record = {.record = {RECORD_FILE, PID, SPACE, 0}, .inode = 1};
	char text[256];

	(void)state;
	replay_steps(replay, steps);
	while (collector_next_trouble(replay->collector, text, sizeof(text)))
		; /* the executable has no unwind table */
	strcpy(record.path, "gone.so");
	record.path_bytes = 8;
	take(replay, &record, sizeof(record));
	assert_true(collector_next_trouble(replay->collector, text, sizeof(text)));
	assert_non_null(strstr(text, "/gone.so cannot be opened"));
	assert_false(collector_next_trouble(replay->collector, text, sizeof(text)));
	take(replay, &record, sizeof(record));
	assert_false(collector_next_trouble(replay->collector, text, sizeof(text)));
	replay_quiet_free(replay);
}

/* Where the first process that ran into a file has its code. */
static void test_where_code_lies(void **state)
{
	struct module module = {.path = "x", .fd = -1};

	(void)state;
	module_note_code(&module,
			 &(struct mapping){.start = 0x2000, .end = 0x3000, .file_offset = 0x1000});
	module_note_code(&module,
			 &(struct mapping){.start = 0x3000, .end = 0x4000, .file_offset = 0x2000});
	assert_int_equal(module.start, 0x2000);
	assert_int_equal(module.end, 0x4000);
	module_note_code(&module,
			 &(struct mapping){.start = 0x1000, .end = 0x2000, .file_offset = 0});
	assert_int_equal(module.start, 0x1000);
	assert_int_equal(module.file_offset, 0);
	assert_int_equal(module.end, 0x4000);
	module_note_code(&module,
			 &(struct mapping){.start = 0x9000,
					   .end = 0xa000,
					   .file_offset = 0x1000}); /* of another process */
	assert_int_equal(module.start, 0x1000);
	assert_int_equal(module.end, 0x4000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts_of_a_stack),
		cmocka_unit_test(test_records_that_are_cut),
		cmocka_unit_test(test_mappings_are_not_read_again_for_what_came_before),
		cmocka_unit_test(test_paths_of_files),
		cmocka_unit_test(test_names_of_programs),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_slots_that_are_no_blocks),
		cmocka_unit_test(test_spilled_blocks),
		cmocka_unit_test(test_peak),
		cmocka_unit_test(test_judged_blocks),
		cmocka_unit_test(test_coverage),
		cmocka_unit_test(test_troubles),
		cmocka_unit_test(test_where_code_lies),
	};

	return cmocka_run_group_tests(tests, confined_setup, confined_teardown);
}
