/* SPDX-License-Identifier: BSD-2-Clause */
/* What is followed from look to look of a made-up interpreter (object_space.h). */
#include "object_fixture.h"
#include "service/subjects.h"

/* Subjects borrow the fixture's objects for an update. */
static void look_and_update(struct fixture *fixture, struct subjects *subjects)
{
	struct patient patient = {0};

	look(fixture);
	patient.objects = fixture->objects;
	if (fixture->objects.looks > 2)
		subjects_update(subjects, &patient);
}

static const struct subject *find(const struct subjects *subjects, const char *name)
{
	for (size_t i = 0; i < subjects->count; i++)
		if (subjects->items[i].key && strstr(subjects->items[i].key, name))
			return &subjects->items[i];
	return NULL;
}

static void put_lists(struct object_space *space, const uint64_t *lists, size_t count)
{
	uint64_t items = space_get(space, space->list + LIST_ITEMS);

	for (size_t i = 0; i < count; i++)
		space_put(space, items + 8 * i, lists[i]);
}

static void set_lengths(struct object_space *space, const uint64_t *lists, size_t count,
			uint64_t length)
{
	for (size_t i = 0; i < count; i++)
		space_put(space, lists[i] + LIST_LENGTH, length);
}

/* Many lists that fill up, until others take their place with as much in them: they hold no more
 * than before, though none of these was there. */
static void test_many_alike_that_are_replaced(void **state)
{
	enum { LISTS = 4, ROOM = 12 };
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t lists[LISTS], others[LISTS];
	struct subjects subjects;

	subjects_init(&subjects);
	for (size_t i = 0; i < LISTS; i++)
		lists[i] = space_list(space, ROOM);
	put_lists(space, lists, LISTS);
	for (uint64_t length = 9; length <= ROOM; length++) {
		set_lengths(space, lists, LISTS, length);
		look_and_update(fixture, &subjects);
	}
	const struct subject *subject = find(&subjects, "LIST[*]");
	assert_non_null(subject);
	assert_true(subject->of_lengths);
	assert_int_equal(subject->samples[subject->sample_count - 1].length, LISTS * ROOM);
	for (size_t i = 0; i < LISTS; i++)
		others[i] = space_list(space, ROOM);
	put_lists(space, others, LISTS);
	set_lengths(space, others, LISTS, 9);
	look_and_update(fixture, &subjects);
	assert_true(subject->samples[0].length >= LISTS * 9);
	assert_int_equal(subject->samples[subject->sample_count - 1].length, LISTS * 9);
	subjects_release(&subjects);
}

/* What is counted at looks alone is counted at those, too, at which it does not grow. */
static void test_alike_that_stop_growing(void **state)
{
	enum { LISTS = 4, ROOM = 12 };
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t lists[LISTS];
	struct subjects subjects;

	subjects_init(&subjects);
	for (size_t i = 0; i < LISTS; i++)
		lists[i] = space_list(space, ROOM);
	put_lists(space, lists, LISTS);
	for (uint64_t length = 9; length <= ROOM; length++) {
		set_lengths(space, lists, LISTS, length);
		look_and_update(fixture, &subjects);
	}
	set_lengths(space, lists, LISTS, 2);
	look_and_update(fixture, &subjects);
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
		TEST(test_alike_that_stop_growing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
