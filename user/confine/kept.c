/* SPDX-License-Identifier: BSD-2-Clause */
#include "kept.h"

#include <stdlib.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "question.h"

struct kept_answer {
	struct question *question;
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
	return sizeof(*kept) + kept->question->bytes + kept->answer.length;
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

static struct kept_answer *find(const struct kept *kept, const struct question *question)
{
	struct kept_answer *found;

	HASH_FIND(hh, kept->answers, question, question->bytes, found);
	return found;
}

bool kept_find(const struct kept *kept, const struct confined_call *call, const struct stat *file,
	       struct confined_answer *answer)
{
	struct question *question = question_of(call, file);
	const struct kept_answer *found = question ? find(kept, question) : NULL;

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
	if (answer->length > KEPT_ANSWER_MAX || !added->question ||
	    confined_answer_copy(&added->answer, answer->data, answer->length)) {
		answer_free(added);
		return;
	}
	older = find(kept, added->question);
	if (older)
		drop(kept, older);
	while (kept->answers && kept->bytes + bytes_of(added) > KEPT_BYTES_MAX)
		drop(kept, kept->answers);
	HASH_ADD_KEYPTR(hh, kept->answers, added->question, added->question->bytes, added);
	kept->bytes += bytes_of(added);
}

void kept_forget(struct kept *kept, enum confined_need need)
{
	struct kept_answer *answer, *next;

	HASH_ITER (hh, kept->answers, answer, next)
		if (answer->question->need == need)
			drop(kept, answer);
}
