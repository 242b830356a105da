// SPDX-License-Identifier: BSD-2-Clause
#include "symbolizer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "resolver.h"
#include "symbol_codec.h"
#include "symbol_list.h"

/* The files that it holds open live as long as the confined process. */
static struct resolver *resolver_get(void)
{
	static struct resolver *resolver;

	if (!resolver)
		resolver = resolver_new(NULL);
	return resolver;
}

static int resolve_confined(int fd, const void *input, size_t length,
			    struct confined_answer *answer)
{
	static struct symbol_question question;
	static struct symbol_list lists[SYMBOL_OFFSETS_MAX];
	struct resolver *resolver = resolver_get();
	int error = resolver ? symbol_question_decode(input, length, &question) : -ENOMEM;

	if (!error)
		error = resolver_resolve(resolver, fd, question.path, question.offsets,
					 question.offset_count, lists);
	if (error)
		return error;
	error = symbol_lists_encode(lists, question.offset_count, answer);
	symbol_lists_release(lists, question.offset_count);
	return error;
}

static int resolve_as(struct confined *confined, enum confined_need need, int fd, const char *path,
		      const uint64_t *offsets, size_t count, struct symbol_list *lists)
{
	struct confined_call call = {.need = need, .function = resolve_confined, .fd = fd};
	struct confined_answer answer;
	void *question;
	int error =
		symbol_question_encode(path ? path : "", offsets, count, &question, &call.length);

	call.input = question;
	if (!error)
		error = confined_call(confined, &call, &answer);
	free(question);
	if (error)
		return error;
	return confined_settle(confined, need, &answer, symbol_lists_decode(&answer, lists, count));
}

/* What the network does not answer in time has the names that are here. */
static int resolve_part(struct confined *confined, int fd, const char *path,
			const uint64_t *offsets, size_t count, struct symbol_list *lists)
{
	if (confined_has_network()) {
		int error =
			resolve_as(confined, CONFINED_DEBUGINFOD, fd, path, offsets, count, lists);

		if (error != -ETIME && error != -ECANCELED)
			return error;
	}
	return resolve_as(confined, CONFINED_NAMES, fd, path, offsets, count, lists);
}

int symbolizer_resolve(struct confined *confined, int fd, const char *path, const uint64_t *offsets,
		       size_t count, struct symbol_list *lists)
{
	int error = 0;

	if (count)
		memset(lists, 0, count * sizeof(*lists));
	for (size_t done = 0, part; done < count && !error; done += part) {
		part = count - done < SYMBOL_OFFSETS_MAX ? count - done : SYMBOL_OFFSETS_MAX;
		error = resolve_part(confined, fd, path, offsets + done, part, lists + done);
	}
	if (error)
		symbol_lists_release(lists, count);
	return error;
}
