/* SPDX-License-Identifier: BSD-2-Clause */
/* What is followed from look to look of a made-up interpreter (object_space.h). */
#include "subject_fixture.h"

enum { LISTS = 4, ROOM = 12 };

static const struct subject *find(const struct subjects *subjects, const char *name)
{
	for (size_t i = 0; i < subjects->count; i++)
		if (subjects->items[i].key && strstr(subjects->items[i].key, name))
			return &subjects->items[i];
	return NULL;
}

/* In the place of those that were put there before. */
static void put_lists(struct object_space *space, uint64_t lists[LISTS])
{
	uint64_t items = space_get(space, space->list + LIST_ITEMS);

	for (size_t i = 0; i < LISTS; i++) {
		lists[i] = space_list(space, ROOM);
		space_put(space, items + 8 * i, lists[i]);
	}
}

static void look_at_lengths(struct fixture *fixture, struct subjects *subjects,
			    const uint64_t lists[LISTS], uint64_t length)
{
	for (size_t i = 0; i < LISTS; i++)
		space_put(fixture->space, lists[i] + LIST_LENGTH, length);
	look_and_update(fixture, subjects, 3);
}

static void fill_lists(struct fixture *fixture, struct subjects *subjects, uint64_t lists[LISTS])
{
	put_lists(fixture->space, lists);
	for (uint64_t length = 9; length <= ROOM; length++)
		look_at_lengths(fixture, subjects, lists, length);
}

/* Many lists that fill up, until others take their place with as much in them: they hold no more
 * than before, though none of these was there. */
static void test_many_alike_that_are_replaced(void **state)
{
	struct fixture *fixture = *state;
	uint64_t lists[LISTS];
	struct subjects subjects;

	subjects_init(&subjects);
	fill_lists(fixture, &subjects, lists);
	const struct subject *subject = find(&subjects, "LIST[*]");
	assert_non_null(subject);
	assert_true(subject->of_lengths);
	assert_int_equal(subject->samples[subject->sample_count - 1].length, LISTS * ROOM);
	put_lists(fixture->space, lists);
	look_at_lengths(fixture, &subjects, lists, 9);
	assert_true(subject->samples[0].length >= LISTS * 9);
	assert_int_equal(subject->samples[subject->sample_count - 1].length, LISTS * 9);
	subjects_release(&subjects);
}

/* Of lists of which some are replaced between looks, as in a cache, those that stay hold no more. */
static void test_some_of_many_alike_are_replaced(void **state)
{
	struct fixture *fixture = *state;
	uint64_t lists[LISTS];
	struct subjects subjects;

	subjects_init(&subjects);
	fill_lists(fixture, &subjects, lists);
	uint64_t items = space_get(fixture->space, fixture->space->list + LIST_ITEMS);
	lists[0] = space_list(fixture->space, ROOM);
	space_put(fixture->space, items, lists[0]);
	look_at_lengths(fixture, &subjects, lists, ROOM);
	const struct subject *subject = find(&subjects, "LIST[*]");
	assert_non_null(subject);
	size_t last = subject->sample_count - 1;
	assert_int_equal(subject->samples[last].length, LISTS * ROOM);
	assert_int_equal(subject->samples[last - 1].length, LISTS * ROOM);
	assert_false(subject->turns_over);
	for (size_t i = 1; i < LISTS - 1; i++) {
		lists[i] = space_list(fixture->space, ROOM);
		space_put(fixture->space, items + 8 * i, lists[i]);
		look_at_lengths(fixture, &subjects, lists, ROOM);
	}
	assert_true(subject->turns_over);
	subjects_release(&subjects);
}

/* What is counted at looks alone is counted at those, too, at which it does not grow. */
static void test_alike_that_stop_growing(void **state)
{
	struct fixture *fixture = *state;
	uint64_t lists[LISTS];
	struct subjects subjects;

	subjects_init(&subjects);
	fill_lists(fixture, &subjects, lists);
	look_at_lengths(fixture, &subjects, lists, 2);
	const struct subject *subject = find(&subjects, "LIST[*]");
	assert_non_null(subject);
	assert_int_equal(subject->samples[subject->sample_count - 1].length, LISTS * 2);
	assert_int_equal(subject->container.length, LISTS * 2);
	subjects_release(&subjects);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_many_alike_that_are_replaced),
		TEST(test_some_of_many_alike_are_replaced),
		TEST(test_alike_that_stop_growing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
