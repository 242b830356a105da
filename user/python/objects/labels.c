/* SPDX-License-Identifier: BSD-2-Clause */
#include "labels.h"

#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "../../lib/array.h"

enum { NAMES_MAX = 1 << 20, OVERHEAD_BYTES = 32 /* of malloc, of both tables */ };

struct label_name {
	UT_hash_handle hh;
	uint32_t number;
	uint32_t alike;
	char text[];
};

void labels_release(struct labels *labels)
{
	struct label_name *name, *next;

	HASH_ITER (hh, labels->by_text, name, next) {
		HASH_DEL(labels->by_text, name);
		free(name);
	}
	free(labels->names);
	*labels = (struct labels){0};
}

static struct label_name *add_name(struct labels *labels, const char *text, size_t length)
{
	size_t bytes = sizeof(struct label_name) + length + 1 + OVERHEAD_BYTES;

	if (labels->max_bytes && labels->bytes + bytes > labels->max_bytes)
		return NULL;
	struct label_name *name = malloc(sizeof(*name) + length + 1);

	if (!name)
		return NULL;
	labels->bytes += bytes;
	memcpy(name->text, text, length + 1);
	if (!array_append(&labels->names, &labels->count, name)) {
		free(name);
		return NULL;
	}
	name->number = name->alike = (uint32_t)labels->count;
	HASH_ADD(hh, labels->by_text, text, length, name);
	return name;
}

uint32_t labels_number(struct labels *labels, const char *text)
{
	size_t length = strlen(text);
	struct label_name *name;

	HASH_FIND(hh, labels->by_text, text, length, name);
	if (!name && labels->count < NAMES_MAX)
		name = add_name(labels, text, length);
	return name ? name->number : 0;
}

const char *labels_text(const struct labels *labels, uint32_t number)
{
	return number && number <= labels->count ? labels->names[number - 1]->text : "?";
}

void labels_set_alike(struct labels *labels, uint32_t number, uint32_t alike)
{
	if (number && number <= labels->count && alike)
		labels->names[number - 1]->alike = alike;
}

uint32_t labels_alike(const struct labels *labels, uint32_t number)
{
	return number && number <= labels->count ? labels->names[number - 1]->alike : number;
}
