/* SPDX-License-Identifier: BSD-2-Clause */
/* Which function is which, and when probes at its entry and return may go. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "probes/proofs.h"

#define SECOND UINT64_C(1000000000)

static struct proof memory[PROOFS];

struct fixture {
	struct proofs *proofs;
	struct allocator allocator;
	const struct alloc_function *malloc;
	uint32_t number;
};

static int set_up(void **state)
{
	static struct fixture fixture;

	memset(memory, 0, sizeof(memory));
	fixture = (struct fixture){
		.proofs = proofs_new(memory),
		.allocator = {.path = "libfirst.so",
			      .fd = memfd_create("allocator", 0),
			      .device = 1,
			      .inode = 2},
		.malloc = alloc_function_find("malloc"),
	};
	fixture.number = proofs_number(fixture.proofs, &fixture.allocator, fixture.malloc);
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	close(fixture->allocator.fd);
	proofs_free(fixture->proofs);
	return 0;
}

static void test_functions_of_files(void **state)
{
	struct fixture *fixture = *state;
	struct allocator other = fixture->allocator;

	assert_int_equal(fixture->number, 1);
	assert_int_equal(proofs_number(fixture->proofs, &other, fixture->malloc), 1);
	assert_int_equal(proofs_number(fixture->proofs, &other, alloc_function_find("calloc")), 2);
	other.inode = 3;
	assert_int_equal(proofs_number(fixture->proofs, &other, fixture->malloc), 3);
	assert_int_equal(proofs_number(fixture->proofs, &fixture->allocator, fixture->malloc), 1);
}

static void test_another_file_under_the_same_number(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(ftruncate(fixture->allocator.fd, 4096), 0);
	assert_int_equal(proofs_number(fixture->proofs, &fixture->allocator, fixture->malloc), 2);
}

static void test_too_many(void **state)
{
	struct fixture *fixture = *state;

	for (uint32_t i = 2; i < PROOFS; i++) {
		fixture->allocator.inode++;
		assert_int_equal(
			proofs_number(fixture->proofs, &fixture->allocator, fixture->malloc), i);
	}
	fixture->allocator.inode++;
	assert_int_equal(proofs_number(fixture->proofs, &fixture->allocator, fixture->malloc), 0);
}

/* Where there is no proof sites are used from the first call on. */
static void test_none_is_needed(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(proofs_state(fixture->proofs, 0), PROOF_HOLDS);
	proofs_begin(fixture->proofs, 0);
	assert_int_equal(proofs_state(fixture->proofs, 0), PROOF_HOLDS);
}

static void test_what_is_decided_is_not_begun_again(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(proofs_state(fixture->proofs, 1), PROOF_WAITS);
	proofs_begin(fixture->proofs, 1);
	assert_int_equal(memory[1].state, PROOF_RUNS);
	memory[1].state = PROOF_FAILED;
	proofs_begin(fixture->proofs, 1);
	assert_int_equal(memory[1].state, PROOF_FAILED);
}

static void check_at(struct fixture *fixture, uint64_t now_ns, bool done, enum proof_state state)
{
	proofs_poll(fixture->proofs, now_ns);
	assert_int_equal(proofs_entries_done(fixture->proofs, 1), done);
	assert_int_equal(proofs_state(fixture->proofs, 1), state);
}

/* From when it was first seen to hold, not from when calls began to be compared. */
static void test_entries_go_once_calls_are_over(void **state)
{
	struct fixture *fixture = *state;

	proofs_begin(fixture->proofs, 1);
	check_at(fixture, 5 * SECOND, false, PROOF_RUNS);
	memory[1].state = PROOF_HOLDS;
	check_at(fixture, 20 * SECOND, false, PROOF_HOLDS);
	check_at(fixture, 21 * SECOND - 1, false, PROOF_HOLDS);
	check_at(fixture, 21 * SECOND, true, PROOF_HOLDS);
	check_at(fixture, 24 * SECOND, true, PROOF_HOLDS);
}

static void test_ends_are_told_once(void **state)
{
	struct fixture *fixture = *state;
	struct proof_end end;

	proofs_number(fixture->proofs, &fixture->allocator, alloc_function_find("calloc"));
	proofs_begin(fixture->proofs, 1);
	assert_false(proofs_next_end(fixture->proofs, false, &end));
	memory[1] = (struct proof){.state = PROOF_HOLDS, .compared = PROOF_CALLS};
	memory[2] = (struct proof){
		.state = PROOF_FAILED, .compared = 7, .differs = PROOF_SIZE | PROOF_CALLER};
	assert_true(proofs_next_end(fixture->proofs, false, &end));
	assert_string_equal(end.path, "libfirst.so");
	assert_string_equal(end.function->name, "malloc");
	assert_int_equal(end.state, PROOF_HOLDS);
	assert_int_equal(end.compared, PROOF_CALLS);
	assert_true(proofs_next_end(fixture->proofs, false, &end));
	assert_string_equal(end.function->name, "calloc");
	assert_int_equal(end.state, PROOF_FAILED);
	assert_int_equal(end.compared, 7);
	assert_string_equal(end.differences, "how large these are");
	memory[1].state = PROOF_HOLDS;
	assert_false(proofs_next_end(fixture->proofs, false, &end));
}

static void test_what_was_under_way_at_the_end(void **state)
{
	struct fixture *fixture = *state;
	struct proof_end end;

	proofs_begin(fixture->proofs, 1);
	assert_false(proofs_next_end(fixture->proofs, true, &end));
	memory[1].compared = 3;
	assert_false(proofs_next_end(fixture->proofs, false, &end));
	assert_true(proofs_next_end(fixture->proofs, true, &end));
	assert_int_equal(end.state, PROOF_RUNS);
	assert_int_equal(end.compared, 3);
	assert_false(proofs_next_end(fixture->proofs, true, &end));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_functions_of_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_another_file_under_the_same_number, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_too_many, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_none_is_needed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_decided_is_not_begun_again, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_entries_go_once_calls_are_over, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_ends_are_told_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_was_under_way_at_the_end, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
