// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "elf_object.h"
#include "site_transfer.h"
#include "survey.h"

#define SITES_MAX 65536u

/* Leads the entry sites, the return sites and the gaps. */
struct header {
	uint64_t linker_hook;
	uint64_t linker_state;
	uint32_t kind;
	uint32_t entry_count;
	uint32_t return_count;
	uint32_t gap_count;
	uint32_t hidden; /* as kind; 0: none */
	uint32_t reserved;
};

struct function_site {
	struct site_entry site;
	uint64_t function; /* row of the table of allocation functions */
};

struct gap_entry {
	uint32_t function;
	uint32_t some;
};

_Static_assert(sizeof(struct header) == 40, "");
_Static_assert(sizeof(struct function_site) == 112, "");

static size_t encoded_length(const struct header *header)
{
	return sizeof(*header) +
	       ((size_t)header->entry_count + header->return_count) * sizeof(struct function_site) +
	       (size_t)header->gap_count * sizeof(struct gap_entry);
}

static uint32_t function_number(const struct alloc_function *function)
{
	size_t count;

	return (uint32_t)(function - alloc_functions(&count));
}

static const struct alloc_function *function_of(uint64_t number)
{
	size_t count;
	const struct alloc_function *functions = alloc_functions(&count);

	return number < count ? &functions[number] : NULL;
}

static char *put_sites(char *at, const struct site *sites, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct function_site entry = {
			.site = site_put(&sites[i]),
			.function = function_number(sites[i].function),
		};

		memcpy(at, &entry, sizeof(entry));
		at += sizeof(entry);
	}
	return at;
}

int survey_encode(const struct survey *survey, struct confined_answer *answer)
{
	struct header header = {
		.linker_hook = survey->linker_hook,
		.linker_state = survey->linker_state,
		.kind = elf_kind_number(survey->kind),
		.entry_count = (uint32_t)survey->entry_count,
		.return_count = (uint32_t)survey->return_count,
		.gap_count = (uint32_t)survey->gap_count,
		.hidden = survey->hidden ? elf_kind_number(survey->hidden) : 0,
	};
	char *at;

	answer->length = encoded_length(&header);
	answer->data = malloc(answer->length);
	if (!answer->data)
		return -ENOMEM;
	at = answer->data;
	memcpy(at, &header, sizeof(header));
	at = put_sites(at + sizeof(header), survey->entry_sites, survey->entry_count);
	at = put_sites(at, survey->return_sites, survey->return_count);
	for (size_t i = 0; i < survey->gap_count; i++) {
		struct gap_entry entry = {function_number(survey->gaps[i].function),
					  survey->gaps[i].some};

		memcpy(at, &entry, sizeof(entry));
		at += sizeof(entry);
	}
	return 0;
}

static bool take_site(const struct function_site *entry, struct site *site)
{
	const struct alloc_function *function = function_of(entry->function);

	return function && site_take(&entry->site, function, site);
}

static int take_sites(const char **at, uint32_t count, struct site **sites)
{
	struct function_site entry;

	*sites = calloc((size_t)count + 1, sizeof(**sites));
	if (!*sites)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++, *at += sizeof(entry)) {
		memcpy(&entry, *at, sizeof(entry));
		if (!take_site(&entry, &(*sites)[i]))
			return -EPROTO;
	}
	return 0;
}

static int take_gaps(const char *at, uint32_t count, struct survey_gap **gaps)
{
	struct gap_entry entry;

	*gaps = calloc((size_t)count + 1, sizeof(**gaps));
	if (!*gaps)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++, at += sizeof(entry)) {
		memcpy(&entry, at, sizeof(entry));
		(*gaps)[i] = (struct survey_gap){function_of(entry.function), entry.some};
		if (!(*gaps)[i].function)
			return -EPROTO;
	}
	return 0;
}

static bool header_valid(const struct header *header, size_t length)
{
	return elf_kind_name(header->kind) && elf_kind_name(header->hidden) &&
	       header->entry_count <= SITES_MAX && header->return_count <= SITES_MAX &&
	       header->gap_count <= SITES_MAX && length == encoded_length(header);
}

int survey_decode(const struct confined_answer *answer, struct survey *survey)
{
	const char *at = answer->data;
	struct header header;
	int error;

	*survey = (struct survey){0};
	if (answer->length < sizeof(header))
		return -EPROTO;
	memcpy(&header, at, sizeof(header));
	at += sizeof(header);
	if (!header_valid(&header, answer->length))
		return -EPROTO;
	error = take_sites(&at, header.entry_count, &survey->entry_sites);
	if (!error)
		error = take_sites(&at, header.return_count, &survey->return_sites);
	if (!error)
		error = take_gaps(at, header.gap_count, &survey->gaps);
	if (error) {
		survey_release(survey);
		return error;
	}
	survey->kind = elf_kind_name(header.kind);
	survey->hidden = header.hidden ? elf_kind_name(header.hidden) : NULL;
	survey->linker_hook = header.linker_hook;
	survey->linker_state = header.linker_state;
	survey->entry_count = header.entry_count;
	survey->return_count = header.return_count;
	survey->gap_count = header.gap_count;
	return 0;
}
