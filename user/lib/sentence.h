/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sentences with words to be filled in: "process {pid} is gone". What is put in may itself hold
 * braces, which mean nothing: names come from targets.
 */
#ifndef UNFREED_SENTENCE_H
#define UNFREED_SENTENCE_H

#include <stdbool.h>
#include <stddef.h>

/* What stands for a word; it is used before the next one is asked for. */
typedef const char *sentence_find_fn(void *context, const char *name, size_t length);

/* Whether that is its name. */
bool sentence_is_word(const char *name, size_t length, const char *word);

/* As snprintf(3): cut to `size` bytes. Returns how long it is when it is not. */
size_t sentence_write(const char *sentence, sentence_find_fn *find, void *context, char *text,
		      size_t size);

#endif
