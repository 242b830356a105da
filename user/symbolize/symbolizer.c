/* SPDX-License-Identifier: BSD-2-Clause */
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

/* What is asked for in one call. */
struct query {
	struct confined *confined;
	int fd;
	const char *path;
	const uint64_t *offsets;
	size_t count;
};

/* What the lists have stays where there is no answer. */
static int resolve_as(const struct query *query, enum confined_need need, enum confined_wait wait,
		      struct symbol_list *lists)
{
	struct confined_call call = {
		.need = need, .function = resolve_confined, .fd = query->fd, .wait = wait};
	struct confined_answer answer;
	void *question;
	int error = symbol_question_encode(query->path ? query->path : "", query->offsets,
					   query->count, &question, &call.length);

	call.input = question;
	if (!error)
		error = confined_call(query->confined, &call, &answer);
	free(question);
	if (error)
		return error;
	symbol_lists_release(lists, query->count);
	return confined_settle(query->confined, need, &answer,
			       symbol_lists_decode(&answer, lists, query->count));
}

static int resolve_here(const struct query *query, struct symbol_list *lists)
{
	return resolve_as(query, CONFINED_NAMES, CONFINED_WAIT_FIRST, lists);
}

static bool has_some(const struct symbol_list *lists, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (lists[i].count)
			return true;
	return false;
}

/* What the network does not answer in time has the names that are here, and so has what it is still
 * asked for. */
static int resolve_anywhere(const struct query *query, enum confined_wait wait,
			    struct symbol_list *lists)
{
	int error = resolve_as(query, CONFINED_DEBUGINFOD, wait, lists);
	bool has = has_some(lists, query->count);

	if (error == -EINPROGRESS && !has)
		resolve_here(query, lists);
	if (error == -ETIME && has)
		return 0;
	return error == -ETIME || error == -ECANCELED ? resolve_here(query, lists) : error;
}

int symbolizer_resolve(struct confined *confined, int fd, const char *path, const uint64_t *offsets,
		       size_t count, enum confined_wait network, struct symbol_list *lists)
{
	const struct query query = {confined, fd, path, offsets, count};
	int error;

	if (!count)
		return 0;
	error = confined_has_network() ? resolve_anywhere(&query, network, lists)
				       : resolve_here(&query, lists);
	if (error && error != -EINPROGRESS)
		symbol_lists_release(lists, count);
	return error;
}
