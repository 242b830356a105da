/* SPDX-License-Identifier: BSD-2-Clause */
#include "sentence.h"

#include <string.h>

struct writing {
	char *text;
	size_t size;
	size_t length;
};

static void append(struct writing *writing, const char *bytes, size_t length)
{
	size_t used = writing->length;

	writing->length += length;
	if (used + 1 >= writing->size)
		return;
	size_t left = writing->size - 1 - used;

	memcpy(writing->text + used, bytes, length < left ? length : left);
}

bool sentence_is_word(const char *name, size_t length, const char *word)
{
	return length == strlen(word) && !memcmp(name, word, length);
}

size_t sentence_write(const char *sentence, sentence_find_fn *find, void *context, char *text,
		      size_t size)
{
	struct writing writing = {.text = text, .size = size};

	for (;;) {
		size_t plain = strcspn(sentence, "{");

		append(&writing, sentence, plain);
		sentence += plain;
		if (!*sentence)
			break;
		size_t length = strcspn(sentence, "}");
		const char *word = find(context, sentence + 1, length - 1);

		append(&writing, word, strlen(word));
		sentence += length + (sentence[length] == '}');
	}
	if (size)
		text[writing.length < size ? writing.length : size - 1] = '\0';
	return writing.length;
}
