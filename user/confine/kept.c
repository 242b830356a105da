/* SPDX-License-Identifier: BSD-2-Clause */
#include "kept.h"

#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "../lib/clock.h"

/* A question, with the call's input behind it. */
struct question {
	uint64_t function;
	uint64_t need;
	uint64_t device;
	uint64_t inode;
	uint64_t size;
	uint64_t modified_ns;
	uint64_t changed_ns;
	uint8_t input[];
};

struct kept_answer {
	struct question *question;
	size_t question_bytes;
	struct confined_answer answer;
	bool alone;
	UT_hash_handle hh;
};

struct kept {
	struct kept_answer *answers; /* in the order in which they came */
	size_t bytes;
};

struct kept *kept_new(void)
{
	return calloc(1, sizeof(struct kept));
}

static size_t bytes_of(const struct kept_answer *kept)
{
	return sizeof(*kept) + kept->question_bytes + kept->answer.length;
}

static void answer_free(struct kept_answer *answer)
{
	if (!answer)
		return;
	free(answer->question);
	free(answer->answer.data);
	free(answer);
}

static void drop(struct kept *kept, struct kept_answer *answer)
{
	HASH_DEL(kept->answers, answer);
	kept->bytes -= bytes_of(answer);
	answer_free(answer);
}

void kept_free(struct kept *kept)
{
	if (!kept)
		return;
	while (kept->answers)
		drop(kept, kept->answers);
	free(kept);
}

/* The caller's; NULL on out of memory. */
static struct question *question_of(const struct confined_call *call, const struct stat *file)
{
	struct question *question = malloc(sizeof(*question) + call->length);

	if (!question)
		return NULL;
	*question = (struct question){
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

static struct kept_answer *find(const struct kept *kept, const struct question *question,
				size_t bytes)
{
	struct kept_answer *found;

	HASH_FIND(hh, kept->answers, question, bytes, found);
	return found;
}

bool kept_find(const struct kept *kept, const struct confined_call *call, const struct stat *file,
	       struct confined_answer *answer)
{
	struct question *question = question_of(call, file);
	const struct kept_answer *found =
		question ? find(kept, question, sizeof(*question) + call->length) : NULL;

	free(question);
	return found && (found->alone || !call->alone) &&
	       !confined_answer_copy(answer, found->answer.data, found->answer.length);
}

void kept_add(struct kept *kept, const struct confined_call *call, const struct stat *file,
	      const struct confined_answer *answer, bool alone)
{
	struct kept_answer *added = calloc(1, sizeof(*added)), *older;

	if (!added)
		return;
	added->alone = alone;
	added->question = question_of(call, file);
	added->question_bytes = sizeof(*added->question) + call->length;
	if (answer->length > KEPT_ANSWER_MAX || !added->question ||
	    confined_answer_copy(&added->answer, answer->data, answer->length)) {
		answer_free(added);
		return;
	}
	older = find(kept, added->question, added->question_bytes);
	if (older)
		drop(kept, older);
	while (kept->answers && kept->bytes + bytes_of(added) > KEPT_BYTES_MAX)
		drop(kept, kept->answers);
	HASH_ADD_KEYPTR(hh, kept->answers, added->question, added->question_bytes, added);
	kept->bytes += bytes_of(added);
}

void kept_forget(struct kept *kept, enum confined_need need)
{
	struct kept_answer *answer, *next;

	HASH_ITER (hh, kept->answers, answer, next)
		if (answer->question->need == need)
			drop(kept, answer);
}
