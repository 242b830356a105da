// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"

/* Leads the arrays, in the order of their sizes here. */
struct header {
	struct elf_segment segments[CODE_SEGMENTS_MAX];
	uint64_t base;
	uint32_t segment_count;
	uint32_t page_count;
	uint32_t row_count;
	uint32_t rule_count;
};

static size_t encoded_length(const struct header *header)
{
	return sizeof(*header) + (size_t)header->page_count * sizeof(uint32_t) +
	       (size_t)header->row_count * sizeof(uint32_t) +
	       (size_t)header->rule_count * sizeof(struct unwind_rule);
}

static void put(char **at, const void *data, size_t size)
{
	if (size)
		memcpy(*at, data, size);
	*at += size;
}

int unwind_file_encode(const struct unwind_file *file, struct confined_answer *answer)
{
	struct header header = {
		.base = file->base,
		.segment_count = file->segment_count,
		.page_count = file->page_count,
		.row_count = file->row_count,
		.rule_count = file->rule_count,
	};
	char *at;

	memcpy(header.segments, file->segments, sizeof(header.segments));
	answer->length = encoded_length(&header);
	answer->data = malloc(answer->length);
	if (!answer->data)
		return -ENOMEM;
	at = answer->data;
	put(&at, &header, sizeof(header));
	put(&at, file->pages, file->page_count * sizeof(*file->pages));
	put(&at, file->rows, file->row_count * sizeof(*file->rows));
	put(&at, file->rules, file->rule_count * sizeof(*file->rules));
	return 0;
}

/* A copy of the next `size` bytes. Returns NULL where there is no memory, or nothing to copy. */
static void *take(const char **at, size_t size)
{
	void *copy = size ? malloc(size) : NULL;

	if (copy)
		memcpy(copy, *at, size);
	*at += size;
	return copy;
}

static bool header_valid(const struct header *header, size_t length)
{
	return header->segment_count <= CODE_SEGMENTS_MAX &&
	       header->page_count <= UNWIND_FILE_PAGES_MAX &&
	       header->row_count <= UNWIND_FILE_ROWS_MAX + UNWIND_PAGE_SIZE &&
	       header->rule_count <= CFI_RULES_MAX && length == encoded_length(header);
}

/* What a rule refers to: nothing that the walker does not know. */
static bool rules_valid(const struct unwind_rule *rules, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (rules[i].cfa >= UNWIND_CFA_COUNT || rules[i].rbp > UNWIND_SAVED_LOST ||
		    rules[i].rbx > UNWIND_SAVED_LOST || rules[i].flags & ~UNWIND_RULE_EXACT)
			return false;
	return true;
}

int unwind_file_decode(const struct confined_answer *answer, struct unwind_file *file)
{
	const char *at = answer->data;
	struct header header;

	*file = (struct unwind_file){};
	if (answer->length < sizeof(header))
		return -EPROTO;
	memcpy(&header, at, sizeof(header));
	at += sizeof(header);
	if (!header_valid(&header, answer->length))
		return -EPROTO;
	memcpy(file->segments, header.segments, sizeof(file->segments));
	file->base = header.base;
	file->segment_count = header.segment_count;
	file->page_count = header.page_count;
	file->row_count = header.row_count;
	file->rule_count = header.rule_count;
	file->pages = take(&at, header.page_count * sizeof(*file->pages));
	file->rows = take(&at, header.row_count * sizeof(*file->rows));
	file->rules = take(&at, header.rule_count * sizeof(*file->rules));
	if ((!file->pages && file->page_count) || (!file->rows && file->row_count) ||
	    (!file->rules && file->rule_count)) {
		unwind_file_release(file);
		return -ENOMEM;
	}
	if (rules_valid(file->rules, file->rule_count))
		return 0;
	unwind_file_release(file);
	return -EPROTO;
}

static int build_confined(int fd, const void *input, size_t length, struct confined_answer *answer)
{
	struct unwind_file file;
	int error = unwind_file_build(fd, &file);

	(void)input;
	(void)length;
	if (error)
		return error;
	error = unwind_file_encode(&file, answer);
	unwind_file_release(&file);
	return error;
}

int unwind_file_request(struct confined *confined, int fd, struct unwind_file *file)
{
	const struct confined_call call = {.function = build_confined, .fd = fd};
	struct confined_answer answer;
	int error = confined_call(confined, &call, &answer);

	*file = (struct unwind_file){};
	if (error)
		return error;
	error = unwind_file_decode(&answer, file);
	free(answer.data);
	return error == -EPROTO ? confined_reject(confined) : error;
}
