/* SPDX-License-Identifier: BSD-2-Clause */
/* What is followed from look to look of a made-up interpreter (object_space.h). */
#include <unistd.h>

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

/* Of lists of which some are replaced between looks, as in a cache,
 * those that stay hold no more. */
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

/* Each of some objects gets a list as an attribute, one after another: it is lists that become
 * more, with what a list takes, however many entries each has. */
static void test_containers_that_become_more(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t plains[LISTS], items = space_get(space, space->list + LIST_ITEMS);
	struct subjects subjects;

	subjects_init(&subjects);
	for (size_t i = 0; i < LISTS; i++)
		space_put(space, items + 8 * i, plains[i] = space_plain(space, 0));
	for (size_t i = 0; i + 1 < LISTS; i++) {
		space_put(space, space_get(space, plains[i] - 32), space_list(space, ROOM));
		look_and_update(fixture, &subjects, 2);
	}
	const struct subject *subject = find(&subjects, "LIST[*].");
	assert_non_null(subject);
	assert_int_equal(subject->samples[subject->sample_count - 1].length, LISTS - 1);
	assert_int_equal(subject->container.length, LISTS - 1);
	assert_int_equal(subject->container.bound, LISTS);
	assert_true(subject->bytes_per_entry >= ROOM * 8);
	subjects_release(&subjects);
}

/* A busy pool may be read half changed, and what lies in it be missed:
 * it did not become shorter. */
static void test_what_a_look_misses_is_no_shorter(void **state)
{
	struct fixture *fixture = *state;
	struct objects *objects = &fixture->objects;
	uint64_t list = space_list(fixture->space, ROOM);
	struct patient patient = {0};
	struct subjects subjects;

	subjects_init(&subjects);
	space_dict_add(fixture->space, fixture->space->main, "GROWS", list);
	for (uint64_t length = 9; length <= ROOM; length++) {
		space_put(fixture->space, list + LIST_LENGTH, length);
		look_and_update(fixture, &subjects, 2);
	}
	assert_non_null(find(&subjects, "GROWS"));
	assert_int_equal(subjects.count, 1);
	struct subject *subject = &subjects.items[0];

	subject_add_sample(subject, objects->last_time + 1, ROOM + 5, LOOK_UNKNOWN);
	objects->last_time += 2;
	containers_begin(&objects->containers, objects->last_time);
	patient.objects = *objects;
	subjects_update(&subjects, &patient);
	for (size_t i = 1; i < subject->sample_count; i++)
		assert_true(subject->samples[i].length >= subject->samples[i - 1].length);
	assert_int_equal(subject->samples[subject->sample_count - 1].length, ROOM + 5);
	subjects_release(&subjects);
}

/* Memory of our own, in which an attribute refers to one container after another. */
struct replaced {
	uint64_t containers[2][3]; /* a reference count, a type, a length */
	uint64_t slot;
	struct subject subject;
};

static void replace(struct replaced *replaced, size_t place, uint64_t length)
{
	struct memory memory = process_memory(getpid());
	struct subjects subjects = {.items = &replaced->subject, .count = 1};
	uint64_t *container = replaced->containers[place];

	replaced->containers[1 - place][0] = 0;
	container[0] = 1;
	container[1] = 0x1000;
	container[2] = length;
	replaced->slot = (uint64_t)(uintptr_t)container;
	subjects_poll(&subjects, &memory, (double)replaced->subject.sample_count);
}

static bool takes(struct replaced *replaced, enum word_kind kind, uint64_t address)
{
	const struct watch_result result = {.grew = 1, .replaced = 1};
	const struct word word = {.address = address, .kind = kind};
	struct subjects subjects = {0};

	return subject_take_result(&subjects, &replaced->subject, &word, &result);
}

/* Its length is where it is now; what is replaced again and again is watched where it is held. */
static void test_what_is_replaced_is_followed(void **state)
{
	struct replaced replaced = {0};
	struct subject *subject = &replaced.subject;
	uint64_t first = (uint64_t)(uintptr_t)replaced.containers[0];

	(void)state;
	subject->slot_address = (uint64_t)(uintptr_t)&replaced.slot;
	subject->container.address = first;
	subject->length_address = first + 16;
	subject->type_address = 0x1000;
	replace(&replaced, 0, 5);
	assert_int_equal(subject->moves, 0);
	assert_true(takes(&replaced, WORD_LENGTH, first + 16));
	replace(&replaced, 1, 6);
	assert_int_equal(subject->samples[1].length, 6);
	assert_int_equal(subject->word_count, 2);
	assert_int_equal(subject->words[0].kind, WORD_SLOT);
	assert_false(takes(&replaced, WORD_LENGTH, first + 16));
	assert_true(takes(&replaced, WORD_LENGTH, subject->length_address));
	replace(&replaced, 0, 7);
	replace(&replaced, 1, 9);
	assert_int_equal(subject->samples[3].length, 9);
	assert_int_equal(subject->word_count, 1);
	assert_int_equal(subject->grown, 0);
	assert_false(takes(&replaced, WORD_LENGTH, subject->length_address));
	assert_true(takes(&replaced, WORD_SLOT, subject->slot_address));
}

static enum verdict verdict_of(struct replaced *replaced, const uint64_t *lengths, size_t count)
{
	struct subject *subject = &replaced->subject;
	struct series used = {0};
	struct finding finding;
	struct zone *zone = zone_new();

	subject->sample_count = 0;
	subject->bytes_per_entry = 100000;
	subject->container.bound = LOOK_UNKNOWN;
	for (size_t i = 0; i < count; i++)
		subject_add_sample(subject, (double)i, lengths[i], LOOK_UNKNOWN);
	bool found = subject_finding(subject, 100, &used, zone, &finding);
	enum verdict verdict = found ? finding.verdict : VERDICT_COUNT;
	zone_free(zone);
	return verdict;
}

/* By chance half of what is replaced is longer than what was there before. */
static void test_what_is_replaced_by_any_is_not_told(void **state)
{
	static const uint64_t grown[] = {100, 140, 190, 230, 270}, few[] = {100, 170, 270, 270},
			      any[] = {100, 180, 150, 200, 220, 290};
	struct replaced replaced = {.subject = {.replaced = true}};

	(void)state;
	assert_int_equal(verdict_of(&replaced, grown, 5), VERDICT_GROWS);
	assert_int_equal(verdict_of(&replaced, few, 4), VERDICT_COUNT);
	assert_int_equal(verdict_of(&replaced, any, 6), VERDICT_COUNT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_many_alike_that_are_replaced),
		TEST(test_some_of_many_alike_are_replaced),
		TEST(test_alike_that_stop_growing),
		TEST(test_containers_that_become_more),
		TEST(test_what_a_look_misses_is_no_shorter),
		cmocka_unit_test(test_what_is_replaced_is_followed),
		cmocka_unit_test(test_what_is_replaced_by_any_is_not_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
