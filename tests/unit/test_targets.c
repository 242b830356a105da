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

static struct mapping code_of(uint64_t inode)
{
	return (struct mapping){.inode = inode, .executable = true, .path = (char *)"/x"};
}

static struct module *add_module(struct modules *modules, uint64_t inode)
{
	const struct mapping mapping = code_of(inode);

	return modules_get_told(modules, &nowhere, 1, &mapping);
}

static void test_a_file_goes_with_its_last_user(void **state)
{
	struct modules modules = {0};
	struct file_users *users = file_users_new();
	struct mapping code[] = {code_of(1), code_of(3), code_of(3)};
	const struct mappings both = {code, 3}, one = {code + 2, 1};
	struct module *mapped = add_module(&modules, 1);
	struct module *spared = add_module(&modules, 2);

	(void)state;
	add_module(&modules, 3)->frames = 1;
	add_module(&modules, 4);
	file_users_add(users, &both);
	assert_int_equal(modules_mark_leaving(&modules, users), 0);
	add_module(&modules, 5); /* new, and spared too */
	modules_find(&modules, (struct file_numbers){0, 4})->frames = 7;
	assert_int_equal(modules_mark_leaving(&modules, users), 1);
	assert_true(spared->leaving);
	modules_evict(&modules);
	assert_int_equal(modules.count, 4);
	assert_null(modules_find(&modules, (struct file_numbers){0, 2}));
	assert_ptr_equal(modules_find(&modules, (struct file_numbers){0, 1}), mapped);

	file_users_drop(users, &one); /* one of two mappings of it is left */
	assert_true(file_users_has(users, (struct file_numbers){0, 3}));
	file_users_drop(users, &both);
	assert_false(file_users_has(users, (struct file_numbers){0, 3}));
	assert_false(file_users_has(users, (struct file_numbers){0, 1}));
	assert_int_equal(modules_mark_leaving(&modules, users), 1);
	modules_evict(&modules);
	assert_int_equal(modules_mark_leaving(&modules, users), 1);
	modules_evict(&modules);
	assert_int_equal(modules.count, 2); /* what stacks run through */
	modules_release(&modules);
	file_users_free(users);
}

/* Of two files with the same numbers, of which the first could not be opened. */
static void test_a_file_in_the_place_of_another(void **state)
{
	struct modules modules = {0};
	struct mapping mapping = code_of(1);
	struct file_users *users = file_users_new();
	struct module *older = add_module(&modules, 1), *newer;

	(void)state;
	file_users_add(users, &(struct mappings){&mapping, 1});
	mapping.path = (char *)"/y";
	newer = modules_get_told(&modules, &nowhere, 1, &mapping);
	assert_ptr_not_equal(older, newer);
	assert_ptr_equal(modules_get(&modules, &nowhere, 1, &mapping), newer);
	modules_mark_leaving(&modules, users);
	assert_int_equal(modules_mark_leaving(&modules, users), 1);
	modules_evict(&modules);
	assert_ptr_equal(modules_find(&modules, (struct file_numbers){0, 1}), newer);
	modules_release(&modules);
	file_users_free(users);
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
		cmocka_unit_test(test_a_file_in_the_place_of_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
