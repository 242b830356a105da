/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>

#include "../lib/cursor.h"
#include "../lib/encoder.h"
#include "file.h"

int unwind_file_encode(const struct unwind_file *file, struct confined_answer *answer)
{
	struct encoder encoder = {};

	encode_array(&encoder, file->segments, file->segment_count, sizeof(*file->segments));
	encode_u64(&encoder, file->base);
	encode_array(&encoder, file->pages, file->page_count, sizeof(*file->pages));
	encode_array(&encoder, file->rows, file->row_count, sizeof(*file->rows));
	encode_array(&encoder, file->rules, file->rule_count, sizeof(*file->rules));
	return encoder_take(&encoder, &answer->data, &answer->length);
}

/* What a rule refers to: nothing that the walker does not know. */
static bool rules_valid(const struct unwind_rule *rules, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (rules[i].cfa >= UNWIND_CFA_COUNT || rules[i].fp > UNWIND_SAVED_LOST ||
		    rules[i].extra > UNWIND_SAVED_LOST || rules[i].flags & ~UNWIND_RULE_EXACT)
			return false;
	return true;
}

static int decode_arrays(struct cursor *cursor, struct unwind_file *file)
{
	size_t pages, rows, rules;
	int error = cursor_array(cursor, &file->pages, &pages, UNWIND_FILE_PAGES_MAX,
				 sizeof(*file->pages));

	if (!error)
		error = cursor_array(cursor, &file->rows, &rows,
				     UNWIND_FILE_ROWS_MAX + UNWIND_PAGE_SIZE, sizeof(*file->rows));
	if (!error)
		error = cursor_array(cursor, &file->rules, &rules, CFI_RULES_MAX,
				     sizeof(*file->rules));
	if (error)
		return error;
	file->page_count = (uint32_t)pages;
	file->row_count = (uint32_t)rows;
	file->rule_count = (uint32_t)rules;
	return rules_valid(file->rules, rules) ? cursor_end(cursor) : -EPROTO;
}

int unwind_file_decode(const struct confined_answer *answer, struct unwind_file *file)
{
	struct cursor cursor = cursor_of(answer->data, answer->length);
	int error;

	*file = (struct unwind_file){};
	file->segment_count =
		(uint32_t)cursor_count(&cursor, CODE_SEGMENTS_MAX, sizeof(*file->segments));
	cursor_bytes(&cursor, file->segments, file->segment_count * sizeof(*file->segments));
	file->base = cursor_u64(&cursor);
	error = decode_arrays(&cursor, file);
	if (error)
		unwind_file_release(file);
	return error;
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
	const struct confined_call call = {
		.need = CONFINED_TABLES,
		.function = build_confined,
		.fd = fd,
		.wait = CONFINED_WAIT_FIRST,
	};
	struct confined_answer answer;
	int error = confined_call(confined, &call, &answer);

	*file = (struct unwind_file){};
	return error
		       ?: confined_settle(confined, call.need, &answer,
					  unwind_file_decode(&answer, file));
}
