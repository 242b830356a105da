/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/cursor.h"
#include "../lib/encoder.h"
#include "elf_object.h"
#include "site_codec.h"
#include "survey.h"

#define SITES_MAX 65536u

/*
 * The linker's words, two kinds, and four arrays, each behind its number of items. Functions go by
 * their rows in the table of allocation functions, kinds by number.
 */
struct function_site {
	struct site_entry site;
	uint64_t function;
};

struct gap_entry {
	uint32_t function;
	uint32_t some;
};

_Static_assert(sizeof(struct function_site) == 112, "");

static const struct alloc_function *function_of(uint64_t number)
{
	size_t count;
	const struct alloc_function *functions = alloc_functions(&count);

	return number < count ? &functions[number] : NULL;
}

static void encode_sites(struct encoder *encoder, const struct site *sites, size_t count)
{
	encode_u64(encoder, count);
	for (size_t i = 0; i < count; i++) {
		const struct function_site entry = {
			.site = site_put(&sites[i]),
			.function = (uint32_t)alloc_function_number(sites[i].function),
		};

		encode_bytes(encoder, &entry, sizeof(entry));
	}
}

int survey_encode(const struct survey *survey, struct confined_answer *answer)
{
	struct encoder encoder = {};

	encode_u64(&encoder, survey->linker_hook);
	encode_u64(&encoder, survey->linker_state);
	encode_u32(&encoder, elf_kind_number(survey->kind));
	encode_u32(&encoder, survey->hidden ? elf_kind_number(survey->hidden) : 0);
	encode_sites(&encoder, survey->entry_sites, survey->entry_count);
	encode_sites(&encoder, survey->return_sites, survey->return_count);
	encode_sites(&encoder, survey->direct_sites, survey->direct_count);
	encode_u64(&encoder, survey->gap_count);
	for (size_t i = 0; i < survey->gap_count; i++) {
		const struct gap_entry entry = {
			(uint32_t)alloc_function_number(survey->gaps[i].function),
			survey->gaps[i].some};

		encode_bytes(&encoder, &entry, sizeof(entry));
	}
	return encoder_take(&encoder, &answer->data, &answer->length);
}

static bool take_site(const struct function_site *entry, struct site *site)
{
	const struct alloc_function *function = function_of(entry->function);

	return function && site_take(&entry->site, function, site);
}

static int decode_sites(struct cursor *cursor, struct site **sites, size_t *count)
{
	struct function_site entry;

	*count = cursor_count(cursor, SITES_MAX, sizeof(entry));
	*sites = calloc(*count + 1, sizeof(**sites));
	if (!*sites)
		return -ENOMEM;
	for (size_t i = 0; i < *count; i++) {
		cursor_bytes(cursor, &entry, sizeof(entry));
		if (!take_site(&entry, &(*sites)[i]))
			return -EPROTO;
	}
	return 0;
}

static int decode_gaps(struct cursor *cursor, struct survey_gap **gaps, size_t *count)
{
	struct gap_entry entry;

	*count = cursor_count(cursor, SITES_MAX, sizeof(entry));
	*gaps = calloc(*count + 1, sizeof(**gaps));
	if (!*gaps)
		return -ENOMEM;
	for (size_t i = 0; i < *count; i++) {
		cursor_bytes(cursor, &entry, sizeof(entry));
		(*gaps)[i] = (struct survey_gap){function_of(entry.function), entry.some};
		if (!(*gaps)[i].function)
			return -EPROTO;
	}
	return 0;
}

int survey_decode(const struct confined_answer *answer, struct survey *survey)
{
	struct cursor cursor = cursor_of(answer->data, answer->length);
	int error;

	*survey = (struct survey){0};
	survey->linker_hook = cursor_u64(&cursor);
	survey->linker_state = cursor_u64(&cursor);
	uint32_t kind = cursor_u32(&cursor);
	uint32_t hidden = cursor_u32(&cursor);
	survey->kind = elf_kind_name(kind);
	survey->hidden = hidden ? elf_kind_name(hidden) : NULL;
	error = !survey->kind || (hidden && !survey->hidden) ? -EPROTO : 0;
	if (!error)
		error = decode_sites(&cursor, &survey->entry_sites, &survey->entry_count);
	if (!error)
		error = decode_sites(&cursor, &survey->return_sites, &survey->return_count);
	if (!error)
		error = decode_sites(&cursor, &survey->direct_sites, &survey->direct_count);
	if (!error)
		error = decode_gaps(&cursor, &survey->gaps, &survey->gap_count);
	if (!error)
		error = cursor_end(&cursor);
	if (error)
		survey_release(survey);
	return error;
}
