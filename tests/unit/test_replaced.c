/* SPDX-License-Identifier: BSD-2-Clause */
/* Values that are replaced by longer ones, as they are seen between looks. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "python/objects/objects.h"
#include "service/replaced.h"

/* A word refers to one of two objects, of a type, whose length stands behind it or in its shape. */
#define SLOT    UINT64_C(0x1000)
#define FIRST   UINT64_C(0x2000)
#define SECOND  UINT64_C(0x3000)
#define SHAPE   UINT64_C(0x4000)
#define STR     UINT64_C(0x5000)
#define UNKNOWN UINT64_C(0x6000)

enum { LENGTH_AT = 16, WORDS = 32 };

static struct {
	uint64_t address, value;
} words[WORDS];
static size_t word_count;
static uint64_t slots[8]; /* what the word refers to, from one reading to the next */
static size_t slot_count, slot_reads;

static int read_words(const struct memory *memory, uint64_t address, void *buffer, size_t size)
{
	(void)memory;
	assert_int_equal(size, sizeof(uint64_t));
	if (address == SLOT && slot_count) {
		memcpy(buffer, &slots[slot_reads < slot_count ? slot_reads : slot_count - 1], size);
		slot_reads++;
		return 0;
	}
	for (size_t i = word_count; i--;)
		if (words[i].address == address) {
			memcpy(buffer, &words[i].value, size);
			return 0;
		}
	return -EFAULT;
}

static const struct memory memory = {.read = read_words};

static void put(uint64_t address, uint64_t value)
{
	assert_true(word_count < WORDS);
	words[word_count].address = address;
	words[word_count++].value = value;
}

static void put_object(uint64_t address, uint64_t type, uint64_t length)
{
	put(address + OBJECT_TYPE, type);
	put(address + LENGTH_AT, length);
}

static struct subject begin(void)
{
	word_count = slot_count = slot_reads = 0;
	return (struct subject){
		.type_address = STR,
		.value = {.known = true, .slot = SLOT, .length_offset = LENGTH_AT, .item_bytes = 2},
	};
}

static void poll(struct subject *subject, uint64_t object, uint64_t length, double now_s)
{
	put(SLOT, object);
	put_object(object, STR, length);
	replaced_poll(subject, &memory, now_s);
}

static void test_longer_and_longer(void **state)
{
	struct subject subject = begin();

	(void)state;
	poll(&subject, FIRST, 10, 1);
	assert_true(subject.value.polled);
	assert_int_equal(subject.value.ups, 0);
	poll(&subject, SECOND, 15, 2);
	poll(&subject, FIRST, 15, 3); /* no longer: no step */
	poll(&subject, SECOND, 30, 4);
	assert_int_equal(subject.value.ups, 2);
	assert_false(subject.value.fell);
	assert_int_equal(subject.value.length, 30);
	assert_int_equal(subject.sample_count, 4);
	assert_int_equal(subject.samples[0].length, 20); /* bytes */
	assert_int_equal(subject.samples[3].length, 60);
	assert_true(subject.samples[3].at_s == 4);
	assert_true(subject.samples[3].bytes == LOOK_UNKNOWN);
}

/* Then it is none, and nothing is read of it any more. */
static void test_shorter(void **state)
{
	struct subject subject = begin();

	(void)state;
	poll(&subject, FIRST, 10, 1);
	poll(&subject, SECOND, 9, 2);
	assert_true(subject.value.fell);
	assert_int_equal(subject.sample_count, 2);
	poll(&subject, FIRST, 50, 3);
	assert_int_equal(subject.sample_count, 2);
	assert_int_equal(subject.value.length, 9);
}

static void test_length_in_a_shape(void **state)
{
	struct subject subject = begin();

	(void)state;
	subject.value.dimensions = 1;
	subject.value.item_bytes = 8;
	put(SHAPE, 1000);
	put(FIRST + NDARRAY_DIMENSIONS, UINT64_C(0x700000001)); /* a word, and what fills up */
	poll(&subject, FIRST, SHAPE, 1);
	assert_int_equal(subject.value.length, 1000);
	assert_int_equal(subject.samples[0].length, 8000);
	poll(&subject, FIRST, UNKNOWN, 2); /* its shape cannot be read */
	assert_int_equal(subject.sample_count, 1);
}

/* It may become longer in any of its dimensions. */
static void test_lengths_in_a_shape(void **state)
{
	struct subject subject = begin();

	(void)state;
	subject.value.dimensions = 2;
	subject.value.item_bytes = 8;
	put(FIRST + NDARRAY_DIMENSIONS, 2);
	put(SHAPE, 3);
	put(SHAPE + 8, 100);
	poll(&subject, FIRST, SHAPE, 1);
	put(SHAPE + 8, 140);
	poll(&subject, FIRST, SHAPE, 2);
	assert_int_equal(subject.value.ups, 1);
	assert_int_equal(subject.samples[1].length, 3 * 140 * 8);
	put(SHAPE + 8, UINT64_MAX / 2); /* no array is so large */
	poll(&subject, FIRST, SHAPE, 3);
	put(FIRST + NDARRAY_DIMENSIONS,
	    1); /* another form: what is behind its shape is no extent */
	poll(&subject, FIRST, SHAPE, 4);
	assert_int_equal(subject.sample_count, 2);
	assert_false(subject.value.fell);
}

/* Nothing is said of what is not there, of another type, or has no length. */
static void test_what_cannot_be_read(void **state)
{
	struct subject subject = begin();

	(void)state;
	replaced_poll(&subject, &memory, 1); /* the word */
	put(SLOT, UNKNOWN);
	replaced_poll(&subject, &memory, 2); /* the object */
	put(UNKNOWN + OBJECT_TYPE, STR);
	replaced_poll(&subject, &memory, 3); /* its length */
	put_object(UNKNOWN, STR + 8, 5);
	replaced_poll(&subject, &memory, 4);
	assert_int_equal(subject.sample_count, 0);
	assert_false(subject.value.polled);
	subject.value.length_offset = 0;
	poll(&subject, FIRST, 10, 5);
	assert_int_equal(subject.sample_count, 0);
}

/* One that is replaced while it is read is read again, and not for ever. */
static void test_replaced_meanwhile(void **state)
{
	struct subject subject = begin();

	(void)state;
	put_object(FIRST, STR, 10);
	put_object(SECOND, STR, 20);
	slots[0] = FIRST;
	slots[1] = slots[2] = slots[3] = SECOND;
	slot_count = 4;
	replaced_poll(&subject, &memory, 1);
	assert_int_equal(subject.value.length, 20);
	assert_int_equal(subject.sample_count, 1);
	assert_int_equal(slot_reads, 4);
	for (size_t i = 0; i < 8; i++)
		slots[i] = i % 2 ? SECOND : FIRST;
	slot_count = 8;
	slot_reads = 0;
	replaced_poll(&subject, &memory, 2);
	assert_int_equal(subject.sample_count, 1);
	assert_int_equal(slot_reads, 6);
}

/* No more than what can be told: a length is the target's word. */
static void test_a_length_that_lies(void **state)
{
	struct subject subject = begin();

	(void)state;
	poll(&subject, FIRST, UINT64_MAX, 1);
	assert_true(subject.samples[0].length <= UINT64_C(1000000000000000000));
	assert_true(subject.samples[0].length > UINT64_C(900000000000000000));
}

static void test_doubt(void **state)
{
	struct subject subject = {.value.known = true};

	(void)state;
	assert_true(replaced_is_doubtful(&subject));
	subject.value.ups = SURE_UPS - 1;
	assert_true(replaced_is_doubtful(&subject));
	subject.value.ups = SURE_UPS;
	assert_false(replaced_is_doubtful(&subject));
	subject.value.fell = true;
	assert_true(replaced_is_doubtful(&subject));
	subject.value = (struct replaced_value){.known = true, .sure = true};
	assert_false(replaced_is_doubtful(&subject));
	subject.value = (struct replaced_value){0}; /* another subject */
	assert_false(replaced_is_doubtful(&subject));
}

/* What is counted at looks alone and did not grow up to the last one. */
static void test_end_of_a_look(void **state)
{
	struct subject items[] = {
		{.value = {.known = true, .sure = true, .looked_s = 4}},
		{.value = {.known = true, .sure = true, .looked_s = 5}},
		{.value = {.sure = true, .looked_s = 4}},
	};
	struct subjects subjects = {.items = items, .count = 3};
	const struct objects objects = {.last_time = 5};

	(void)state;
	replaced_end_look(&subjects, &objects);
	assert_false(items[0].value.sure);
	assert_true(items[1].value.sure);
	assert_true(items[2].value.sure);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_longer_and_longer),
		cmocka_unit_test(test_shorter),
		cmocka_unit_test(test_length_in_a_shape),
		cmocka_unit_test(test_lengths_in_a_shape),
		cmocka_unit_test(test_what_cannot_be_read),
		cmocka_unit_test(test_replaced_meanwhile),
		cmocka_unit_test(test_a_length_that_lies),
		cmocka_unit_test(test_doubt),
		cmocka_unit_test(test_end_of_a_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
