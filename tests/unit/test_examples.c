/* SPDX-License-Identifier: BSD-2-Clause */
/* Those that stand for many containers, between looks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "service/examples.h"

enum { TYPE = 0x1000, OTHER_TYPE = 0x2000, LOOKED_S = 10 };

/* As lists are: a count of references, a type, a length. */
struct list {
	uint64_t references, type, length;
};

static struct list lists[2];

static int read_lists(const struct memory *memory, uint64_t address, void *buffer, size_t size)
{
	uint64_t start = (uint64_t)(uintptr_t)lists;

	(void)memory;
	if (address < start || address + size > start + sizeof(lists))
		return -EFAULT;
	memcpy(buffer, (const void *)(uintptr_t)address, size);
	return 0;
}

static const struct memory memory = {.read = read_lists};

static struct subject subject_of_lists(uint64_t length)
{
	struct subject subject = {
		.alike = true, .alike_count = 2, .word_count = 2, .looked_s = LOOKED_S};

	for (size_t i = 0; i < 2; i++) {
		lists[i] = (struct list){1, TYPE, length};
		subject.words[i] = (struct word){(uint64_t)(uintptr_t)&lists[i].length, WORD_LENGTH,
						 (uint64_t)(uintptr_t)&lists[i], TYPE};
	}
	examples_begin(&subject);
	examples_poll(&subject, &memory, LOOKED_S + 1);
	assert_false(examples_are_over(&subject));
	return subject;
}

static void test_lists_that_grow(void **state)
{
	struct subject subject = subject_of_lists(20);

	(void)state;
	lists[0].length = 30;
	lists[1].length = 15; /* some have gone */
	examples_poll(&subject, &memory, LOOKED_S + 2);
	assert_false(examples_are_over(&subject));
	assert_false(examples_deny_growth(&subject));
}

static void test_lists_that_are_emptied(void **state)
{
	struct subject subject = subject_of_lists(100);

	(void)state;
	lists[0].length = 3;
	examples_poll(&subject, &memory, LOOKED_S + 2);
	assert_true(examples_are_over(&subject));
	assert_true(examples_deny_growth(&subject));
	/* that they are longer again does not change what they were seen to do */
	lists[0].length = 200;
	lists[1].length = 3;
	examples_poll(&subject, &memory, LOOKED_S + 3);
	assert_true(examples_deny_growth(&subject));
	assert_true(subject.examples.over[1]);
	/* but a later look would have told */
	subject.looked_s = LOOKED_S + 4;
	assert_false(examples_deny_growth(&subject));
}

static void test_lists_that_are_thrown_away(void **state)
{
	(void)state;
	for (int how = 0; how < 3; how++) {
		struct subject subject = subject_of_lists(20);

		if (how == 0)
			lists[1].type = OTHER_TYPE;
		else if (how == 1)
			lists[1].references = 0;
		else
			subject.words[1].container = 8; /* not mapped any more */
		examples_poll(&subject, &memory, LOOKED_S + 2);
		assert_true(examples_deny_growth(&subject));
	}
}

/* Of thousands some are emptied all the time; only what was seen to fill them is of no use. */
static void test_one_of_many(void **state)
{
	struct subject subject = subject_of_lists(100);

	(void)state;
	subject.alike_count = 1000;
	lists[0].length = 0;
	examples_poll(&subject, &memory, LOOKED_S + 2);
	assert_true(examples_are_over(&subject));
	assert_false(examples_deny_growth(&subject));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists_that_grow),
		cmocka_unit_test(test_lists_that_are_emptied),
		cmocka_unit_test(test_lists_that_are_thrown_away),
		cmocka_unit_test(test_one_of_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
