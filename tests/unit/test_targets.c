/* SPDX-License-Identifier: BSD-2-Clause */
/* Who has a number: targets and images by spaces, where numbers are given out again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../bpf/ledger.h"
#include "collect/images.h"
#include "tracer/targets.h"

static void test_an_older_generation_is_nobody(void **state)
{
	struct targets *targets = targets_new();
	struct traced *first = targets_add(targets, 100, SPACE(7, 0));

	(void)state;
	assert_ptr_equal(targets_find_space(targets, SPACE(7, 0)), first);
	assert_null(targets_find_space(targets, SPACE(7, 1)));
	targets_drop(targets, first);
	assert_null(targets_find_space(targets, SPACE(7, 0)));
	struct traced *second = targets_add(targets, 101, SPACE(7, 1));

	assert_null(targets_find_space(targets, SPACE(7, 0)));
	assert_ptr_equal(targets_find_space(targets, SPACE(7, 1)), second);
	assert_int_not_equal(second->id, 1);
	targets_free(targets);
}

static void test_an_exec_moves_a_target(void **state)
{
	struct targets *targets = targets_new();
	struct traced *traced = targets_add(targets, 100, SPACE(1, 0));

	(void)state;
	assert_int_equal(targets_executed(targets, traced, SPACE(2, 3)), 0);
	assert_null(targets_find_space(targets, SPACE(1, 0)));
	assert_ptr_equal(targets_find_space(targets, SPACE(2, 3)), traced);
	assert_int_equal(traced->old_space_count, 1);
	assert_int_equal(traced->old_spaces[0], SPACE(1, 0));
	/* no number was left for the image */
	assert_int_equal(targets_executed(targets, traced, 0), 0);
	assert_null(targets_find_space(targets, SPACE(2, 3)));
	assert_null(targets_find_space(targets, 0));
	targets_free(targets);
}

static void test_order_and_numbers(void **state)
{
	struct targets *targets = targets_new();
	struct traced *traced[5];

	(void)state;
	for (uint32_t i = 0; i < 5; i++)
		traced[i] = targets_add(targets, 100 + (pid_t)i % 2, SPACE(i + 1, 0));
	assert_ptr_equal(targets_find_pid(targets, 100), traced[4]);
	assert_ptr_equal(targets_find_pid(targets, 101), traced[3]);
	traced[0]->state = TARGET_GONE;
	assert_int_equal(targets_alive(targets), 4);
	targets_drop(targets, traced[2]);
	assert_null(targets_find(targets, 3));
	assert_ptr_equal(targets_next(targets, 2), traced[3]);
	assert_ptr_equal(targets_next(targets, 0), traced[0]);
	assert_null(targets_next(targets, 5));
	targets_drop(targets, traced[4]);
	assert_ptr_equal(targets_find_pid(targets, 100), traced[1 - 1]);
	assert_int_equal(targets_add(targets, 100, SPACE(9, 0))->id, 6);
	targets_free(targets);
}

/* Of no process that is there. */
static const struct procfs nowhere = {.root = "/nonexistent"};

static void test_images_by_space_and_process(void **state)
{
	struct images images = {.procfs = &nowhere};
	struct image *old = images_add(&images, SPACE(3, 0), 100);
	struct image *other = images_add(&images, SPACE(4, 0), 200);

	(void)state;
	assert_null(images_find(&images, SPACE(3, 1)));
	old->removed = true;
	images_forget_removed(&images);
	assert_null(images_find(&images, SPACE(3, 0)));
	assert_null(images_find_pid(&images, 100));
	struct image *new = images_add(&images, SPACE(3, 1), 100);

	assert_null(images_find(&images, SPACE(3, 0)));
	assert_ptr_equal(images_find(&images, SPACE(3, 1)), new);
	assert_ptr_equal(images_find_pid(&images, 100), new);
	assert_ptr_equal(images_find_pid(&images, 200), other);
	assert_int_equal(images.count, 2);
	images_release(&images);
}

static void test_the_newest_image_of_a_process(void **state)
{
	struct images images = {.procfs = &nowhere};
	struct image *first = images_add(&images, SPACE(1, 0), 100);
	struct image *second = images_add(&images, SPACE(2, 0), 100);

	(void)state;
	assert_ptr_equal(images_find_pid(&images, 100), second);
	first->removed = true;
	images_forget_removed(&images);
	assert_ptr_equal(images_find_pid(&images, 100), second);
	images_release(&images);
}

static struct module *add_module(struct modules *modules, uint64_t inode)
{
	const struct mapping mapping = {.inode = inode, .executable = true, .path = (char *)"/x"};

	return modules_get_told(modules, &nowhere, 1, &mapping);
}

static void test_a_file_goes_with_its_last_user(void **state)
{
	struct modules modules = {0};
	struct module *used = add_module(&modules, 1);
	struct module *spared = add_module(&modules, 2);

	(void)state;
	for (int i = 0; i < 2; i++) {
		modules_unuse(&modules);
		used->used = true;
		assert_int_equal(module_is_leaving(spared), i);
		modules_evict(&modules);
		assert_int_equal(modules.count, 2 - (size_t)i);
	}
	assert_ptr_equal(modules.items[0], used);
	modules_release(&modules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_older_generation_is_nobody),
		cmocka_unit_test(test_an_exec_moves_a_target),
		cmocka_unit_test(test_order_and_numbers),
		cmocka_unit_test(test_images_by_space_and_process),
		cmocka_unit_test(test_the_newest_image_of_a_process),
		cmocka_unit_test(test_a_file_goes_with_its_last_user),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
