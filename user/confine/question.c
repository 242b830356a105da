/* SPDX-License-Identifier: BSD-2-Clause */
#include "question.h"

#include <stdlib.h>
#include <string.h>

#include "../lib/clock.h"

struct question *question_of(const struct confined_call *call, const struct stat *file)
{
	size_t bytes = sizeof(struct question) + call->length;
	struct question *question = malloc(bytes);

	if (!question)
		return NULL;
	*question = (struct question){
		.bytes = bytes,
		.function = (uint64_t)(uintptr_t)call->function,
		.need = call->need,
		.device = file->st_dev,
		.inode = file->st_ino,
		.size = (uint64_t)file->st_size,
		.modified_ns = clock_ns_of(&file->st_mtim),
		.changed_ns = clock_ns_of(&file->st_ctim),
	};
	if (call->length)
		memcpy(question->input, call->input, call->length);
	return question;
}
