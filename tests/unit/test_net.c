/* SPDX-License-Identifier: BSD-2-Clause */
/* What recording says of memory that turns over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "analyze/net.h"
#include "snapshots.h"

static const struct frame frame = {"f", NULL, "/bin/f", 1, 0, FRAME_NATIVE};

/* One stack of so many live bytes, in blocks of a kilobyte. */
static struct snapshot *snapshot_of(uint64_t bytes)
{
	struct snapshot *snapshot = snapshot_new();

	add_target(snapshot, 7, "shop", "/usr/bin/shop", "");
	add_stack(snapshot, 0, &frame, 1, bytes, bytes / 1000);
	snapshot->duration_ns = 3600 * UINT64_C(1000000000);
	snapshot->stacks[0].oldest_ns = snapshot->duration_ns - 1;
	return snapshot;
}

static struct net net_of(const struct snapshot *snapshot)
{
	struct net net;

	net_sum(snapshot, &net);
	return net;
}

static double rate_of(const struct snapshot *snapshot)
{
	const struct net net = net_of(snapshot);

	return net_rate_per_hour(snapshot, &net, &snapshot->stacks[0]);
}

static void test_nothing_older(void **state)
{
	struct snapshot *snapshot = snapshot_of(5000000);
	struct net net = net_of(snapshot);

	(void)state;
	assert_int_equal(net.bytes, 5000000);
	assert_false(net.at_most || net.turns_over || net.pools);
	assert_true(rate_of(snapshot) == 5000000);
	snapshot_free(snapshot);
}

static void test_a_full_cache_has_no_rate(void **state)
{
	struct snapshot *snapshot = snapshot_of(5000000);

	(void)state;
	snapshot->unknown_frees = snapshot->sized_frees = 5000;
	snapshot->sized_bytes = 4900000;
	assert_int_equal(net_of(snapshot).bytes, 100000);
	assert_true(net_of(snapshot).turns_over);
	assert_true(rate_of(snapshot) == 0);
	snapshot->sized_bytes = 2000000; /* most of it stays */
	assert_int_equal(net_of(snapshot).bytes, 3000000);
	assert_false(net_of(snapshot).turns_over);
	assert_true(rate_of(snapshot) > 0);
	snapshot->sized_bytes = 6000000; /* it shrinks */
	assert_int_equal(net_of(snapshot).bytes, -1000000);
	assert_true(net_of(snapshot).turns_over);
	snapshot_free(snapshot);
}

/* Allocators that do not say sizes: then blocks are what is known. */
static void test_sizes_that_are_unknown(void **state)
{
	struct snapshot *snapshot = snapshot_of(5000000);

	(void)state;
	snapshot->unknown_frees = 4990;
	assert_true(net_of(snapshot).at_most);
	assert_int_equal(net_of(snapshot).unsized_frees, 4990);
	assert_true(net_of(snapshot).turns_over);
	snapshot->unknown_frees = 100;
	assert_true(net_of(snapshot).at_most);
	assert_false(net_of(snapshot).turns_over);
	snapshot->sized_frees = 99; /* one of a hundred does not matter */
	assert_false(net_of(snapshot).at_most);
	snapshot_free(snapshot);
}

static struct snapshot *pools_of(uint64_t seen, uint64_t first, uint64_t last)
{
	struct snapshot *snapshot = snapshot_of(seen);

	snapshot->stacks[0].domain = DOMAIN_PYTHON;
	snapshot->targets[0].python_mode = snapshot_intern(snapshot, "pools");
	snapshot->targets[0].python_counted = true;
	snapshot->targets[0].python_first = (struct amount){first, 1000};
	snapshot->targets[0].python_last = (struct amount){last, 1000};
	return snapshot;
}

static void test_pools_by_their_own_count(void **state)
{
	struct snapshot *snapshot = pools_of(5000000, 90000000, 90010000);

	(void)state;
	assert_int_equal(net_of(snapshot).bytes, 10000);
	assert_int_equal(net_of(snapshot).older_bytes, 4990000);
	assert_true(net_of(snapshot).turns_over);
	assert_true(net_of(snapshot).pools);
	snapshot_free(snapshot);
	snapshot = pools_of(5000000, 90000000, 95500000); /* also in pools that there were */
	assert_int_equal(net_of(snapshot).bytes, 5500000);
	assert_int_equal(net_of(snapshot).older_bytes, 0);
	assert_false(net_of(snapshot).turns_over);
	snapshot->targets[0].python_last.bytes = 0; /* 3.8 counts no bytes */
	assert_true(net_of(snapshot).at_most);
	assert_int_equal(net_of(snapshot).bytes, 5000000);
	snapshot_free(snapshot);
	snapshot = pools_of(5000000, 90000000, 80000000); /* it gave back more */
	assert_int_equal(net_of(snapshot).bytes, -10000000);
	assert_int_equal(net_of(snapshot).older_bytes, 15000000);
	snapshot_free(snapshot);
}

/* A leak of C beside objects that come and go, and the other way round. */
static void test_each_way_of_seeing_by_itself(void **state)
{
	struct snapshot *snapshot = pools_of(5000000, 90000000, 90010000);
	struct net net;

	(void)state;
	add_stack(snapshot, 0, &frame, 1, 3000000, 3000)->oldest_ns = snapshot->duration_ns - 1;
	net = net_of(snapshot);
	assert_int_equal(net.bytes, 3010000);
	assert_true(net.turned[DOMAIN_PYTHON]);
	assert_false(net.turned[DOMAIN_MALLOC] || net.turns_over);
	assert_true(net_rate_per_hour(snapshot, &net, &snapshot->stacks[0]) == 0);
	assert_true(net_rate_per_hour(snapshot, &net, &snapshot->stacks[1]) == 3000000);
	snapshot->unknown_frees = snapshot->sized_frees = 3000;
	snapshot->sized_bytes = 2900000;
	net = net_of(snapshot);
	assert_true(net.turned[DOMAIN_MALLOC] && net.turns_over);
	snapshot->targets[0].python_last.bytes = 95000000;
	net = net_of(snapshot);
	assert_false(net.turned[DOMAIN_PYTHON] || net.turns_over);
	assert_true(net_rate_per_hour(snapshot, &net, &snapshot->stacks[0]) == 5000000);
	snapshot_free(snapshot);
}

static void test_what_is_no_rate(void **state)
{
	struct snapshot *snapshot = snapshot_of(5000000);

	(void)state;
	snapshot->stacks[0].live_blocks = 2;
	assert_true(rate_of(snapshot) == 0);
	snapshot->stacks[0].live_blocks = 3;
	assert_true(rate_of(snapshot) > 0);
	snapshot->duration_ns = 4000000000;
	assert_true(rate_of(snapshot) == 0);
	snapshot->duration_ns = 3600 * UINT64_C(1000000000);
	snapshot->older_than_ns = snapshot->duration_ns;
	assert_true(rate_of(snapshot) == 0);
	snapshot_free(snapshot);
}

static void test_a_stack_turns_over(void **state)
{
	struct snapshot *snapshot = snapshot_of(5000000); /* of three times as much */
	struct stack *stack = &snapshot->stacks[0];

	(void)state;
	stack->oldest_ns = snapshot->duration_ns / 4;
	assert_true(net_stack_turns_over(snapshot, stack));
	assert_true(rate_of(snapshot) == 0);
	stack->oldest_ns = snapshot->duration_ns / 4 * 3; /* some stays */
	assert_false(net_stack_turns_over(snapshot, stack));
	stack->oldest_ns = snapshot->duration_ns / 4;
	stack->alloc_bytes = stack->live_bytes; /* nothing left it: it began late */
	assert_false(net_stack_turns_over(snapshot, stack));
	assert_true(rate_of(snapshot) > 0);
	stack->alloc_bytes = 3 * stack->live_bytes;
	stack->oldest_ns = 0; /* unknown */
	assert_false(net_stack_turns_over(snapshot, stack));
	snapshot_free(snapshot);
}

/* A saved profile may say anything. */
static void test_numbers_that_make_no_sense(void **state)
{
	struct snapshot *snapshot = pools_of(UINT64_MAX / 2, UINT64_MAX, 1);

	(void)state;
	snapshot->sized_frees = UINT64_MAX;
	snapshot->sized_bytes = UINT64_MAX;
	snapshot->totals.free_bytes = UINT64_MAX;
	rate_of(snapshot);
	snapshot_free(snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_older),
		cmocka_unit_test(test_a_full_cache_has_no_rate),
		cmocka_unit_test(test_sizes_that_are_unknown),
		cmocka_unit_test(test_pools_by_their_own_count),
		cmocka_unit_test(test_each_way_of_seeing_by_itself),
		cmocka_unit_test(test_what_is_no_rate),
		cmocka_unit_test(test_a_stack_turns_over),
		cmocka_unit_test(test_numbers_that_make_no_sense),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
