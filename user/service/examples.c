/* SPDX-License-Identifier: BSD-2-Clause */
#include "examples.h"

#include <string.h>

enum {
	MANY = 8,         /* containers: more are not told by three of them */
	LENGTH_LEAST = 8, /* entries: half of fewer may be gone by chance */
};

static bool is_example(const struct subject *subject, size_t word)
{
	return subject->alike && word < subject->word_count && subject->words[word].container;
}

void examples_begin(struct subject *subject)
{
	memset(&subject->examples, 0, sizeof(subject->examples));
}

static bool is_free(const struct word *word, const struct memory *memory)
{
	uint64_t words[2];

	return memory_read(memory, word->container, words, sizeof(words)) ||
	       is_free_of_type(words, word->type_address);
}

static bool was_emptied(uint64_t length, uint64_t *most)
{
	*most = length > *most ? length : *most;
	return *most >= LENGTH_LEAST && length < *most / 2;
}

void examples_poll(struct subject *subject, const struct memory *memory, double now_s)
{
	struct examples *examples = &subject->examples;

	for (size_t i = 0; i < SUBJECT_WORDS; i++) {
		uint64_t length;

		if (!is_example(subject, i) || examples->over[i])
			continue;
		examples->over[i] = is_free(&subject->words[i], memory) ||
				    memory_read_u64(memory, subject->words[i].address, &length) ||
				    was_emptied(length, &examples->most[i]);
		if (examples->over[i])
			examples->over_s = now_s;
	}
}

bool examples_are_over(const struct subject *subject)
{
	for (size_t i = 0; i < SUBJECT_WORDS; i++)
		if (is_example(subject, i) && subject->examples.over[i])
			return true;
	return false;
}

bool examples_deny_growth(const struct subject *subject)
{
	size_t count = 0, over = 0;

	for (size_t i = 0; i < SUBJECT_WORDS; i++) {
		count += is_example(subject, i);
		over += is_example(subject, i) && subject->examples.over[i];
	}
	return over && over * 2 >= count && subject->alike_count <= MANY &&
	       subject->examples.over_s > subject->looked_s;
}
