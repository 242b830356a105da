/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of words in one text. */
#ifndef UNFREED_WORDS_H
#define UNFREED_WORDS_H

#include <stdbool.h>
#include <string.h>

/* Whether a word is in a list, in which single `separator`s stand between words. */
static inline bool words_have(const char *list, char separator, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = list; (at = strstr(at, word)); at += length)
		if ((at == list || at[-1] == separator) && (!at[length] || at[length] == separator))
			return true;
	return false;
}

#endif
