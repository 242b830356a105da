/* SPDX-License-Identifier: BSD-2-Clause */
#include "dicts.h"

#include <stdlib.h>
#include <string.h>

#include "../code_object.h"

enum {
	KEYS_LOG_SIZE = 8, /* from 3.11 on */
	KEYS_LOG_INDEX_BYTES = 9,
	KEYS_KIND = 10, /* 0: entries have a hash */
	KEYS_SIZE = 8,  /* up to 3.10 */
	LOG_MAX = 36,
	ENTRY_WORDS_BARE = 2,
	ENTRY_WORDS = 3,
	TEXT_CHARACTERS_MAX = 65536,
	ENTRIES_SEARCHED = 4096,
};

/* Of the index in front of the entries: bytes for so many places, up to 3.10. */
static uint64_t index_bytes(uint64_t size)
{
	uint64_t width = size <= 0xff ? 1 : size <= 0xffff ? 2 : size <= 0xffffffff ? 4 : 8;

	return size * width;
}

/* By how much the index takes more than a byte for each of its 2^`log` places. */
static unsigned int log_of_width(unsigned int log)
{
	return log < 8 ? 0 : log < 16 ? 1 : log < 32 ? 2 : 3;
}

bool dict_keys_read(struct view *view, const struct python_structs *structs, uint64_t address,
		    struct dict_keys *keys)
{
	uint64_t index, usable, size;
	uint8_t head[40];

	if (address & 7 || !view_bytes(view, address, head, sizeof(head)))
		return false;
	memcpy(&size, head + KEYS_SIZE, sizeof(size));
	memcpy(&usable, head + structs->keys_usable, sizeof(usable));
	memcpy(&keys->used, head + structs->keys_used, sizeof(keys->used));
	keys->bare = false;
	if (structs->keys_logarithmic) {
		if (head[KEYS_LOG_SIZE] > LOG_MAX ||
		    head[KEYS_LOG_INDEX_BYTES] > head[KEYS_LOG_SIZE] + 3 ||
		    head[KEYS_LOG_INDEX_BYTES] <
			    head[KEYS_LOG_SIZE] + log_of_width(head[KEYS_LOG_SIZE]))
			return false;
		size = UINT64_C(1) << head[KEYS_LOG_SIZE];
		index = UINT64_C(1) << head[KEYS_LOG_INDEX_BYTES];
		keys->bare = head[KEYS_KIND] != 0;
	} else {
		if (size > UINT64_C(1) << LOG_MAX)
			return false;
		index = index_bytes(size);
	}
	if (keys->used > size || usable > size || keys->used + usable > size)
		return false;
	keys->capacity = keys->used + usable;
	keys->entries = address + structs->keys_indices + index;
	keys->bytes = structs->keys_indices + index +
		      keys->capacity * 8 * (keys->bare ? ENTRY_WORDS_BARE : ENTRY_WORDS);
	return true;
}

void dict_keys_entry(struct view *view, const struct dict_keys *keys, uint64_t index, uint64_t *key,
		     uint64_t *value)
{
	uint64_t entry = keys->entries + index * 8 * (keys->bare ? ENTRY_WORDS_BARE : ENTRY_WORDS) +
			 (keys->bare ? 0 : 8);

	view_u64(view, entry, key);
	view_u64(view, entry + 8, value);
}

uint64_t dict_each(struct view *view, const struct python_structs *structs, uint64_t dict,
		   dict_entry_fn *act, void *context)
{
	uint64_t words[2], key, value, count = 0;
	struct dict_keys keys;

	if (!view_bytes(view, dict + DICT_KEYS, words, sizeof(words)) ||
	    !dict_keys_read(view, structs, words[0], &keys))
		return 0;
	uint64_t values = words[1];
	if (values && structs->values_in_dict_from_header)
		values += 8;
	for (uint64_t i = 0; i < keys.used; i++) {
		if (!view_page(view, keys.entries + i * 16))
			break;
		dict_keys_entry(view, &keys, i, &key, &value);
		if (values)
			view_u64(view, values + 8 * i, &value);
		if (!key || !value)
			continue;
		count++;
		if (!act(context, key, value))
			break;
	}
	return count;
}

bool view_text(struct view *view, const struct python_layout *layout, uint64_t address, char *text,
	       size_t size)
{
	static const struct python_types unchecked;
	struct memory memory = view_memory(view);
	char *string;

	*text = '\0';
	if (python_string_read(&memory, layout, &unchecked, address, TEXT_CHARACTERS_MAX, &string))
		return false;
	size_t length = strlen(string);
	if (length > size - 1)
		length = size - 1;
	while (length && length < strlen(string) && (string[length] & 0xc0) == 0x80)
		length--; /* no part of a character */
	memcpy(text, string, length);
	text[length] = '\0';
	free(string);
	return true;
}

struct search {
	struct view *view;
	const struct python_layout *layout;
	const char *key;
	uint64_t found;
	size_t left;
};

static bool compare_key(void *context, uint64_t key, uint64_t value)
{
	struct search *search = context;
	char text[64];

	if (!search->left--)
		return false;
	if (!view_text(search->view, search->layout, key, text, sizeof(text)) ||
	    strcmp(text, search->key))
		return true;
	search->found = value;
	return false;
}

uint64_t dict_find(struct view *view, const struct python_structs *structs,
		   const struct python_layout *layout, uint64_t dict, const char *key)
{
	struct search search = {view, layout, key, 0, ENTRIES_SEARCHED};

	dict_each(view, structs, dict, compare_key, &search);
	return search.found;
}
