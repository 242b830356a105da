/* SPDX-License-Identifier: BSD-2-Clause */
#include "survey.h"

#include <errno.h>
#include <link.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/array.h"
#include "direct.h"
#include "elf_object.h"
#include "forwarding.h"
#include "returns.h"

enum { RETURNS_MAX = 128, CODE_BYTES_UNKNOWN = 64 };

static void choose_site(const struct elf_object *object, const struct elf_function *function,
			struct site *site)
{
	const struct code *code = elf_object_code(object, function->address);
	uint64_t offset = code_offset(code, function->address);
	size_t left = code->size - offset;
	size_t size = function->size ? function->size : CODE_BYTES_UNKNOWN;

	site_choose(function->function, code->bytes + offset, size < left ? size : left,
		    code->file_offset + offset, site);
}

/* A branch is in two where both sides of it end the function. */
static bool is_same_place(const struct site *a, const struct site *b)
{
	return a->file_offset == b->file_offset && !((a->cookie ^ b->cookie) & PROBE_PLACE_BITS);
}

static bool has_site(const struct site *sites, size_t count, const struct site *site)
{
	for (size_t i = 0; i < count; i++)
		if (is_same_place(&sites[i], site))
			return true;
	return false;
}

static int append_returns(struct survey *survey, const struct site *returns, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!has_site(survey->return_sites, survey->return_count, &returns[i]) &&
		    !array_append(&survey->return_sites, &survey->return_count, returns[i]))
			return -ENOMEM;
	return 0;
}

/* Returns 1 where the function's returns can be seen, 0 where none can, or a negative errno. */
static int add_returns(struct survey *survey, const struct elf_object *object,
		       const struct elf_function *function, const struct site *entry_site)
{
	const struct code *code = elf_object_code(object, function->address);
	struct survey_gap gap = {.function = function->function};
	struct site returns[RETURNS_MAX];
	bool complete = false;

	const struct code_walk_request reached = {.code = code,
						  .entry = code_offset(code, function->address)};
	const struct returns_request request = {
		.function = function->function,
		.entry = reached.entry,
		.entry_site = entry_site->file_offset,
	};
	struct code_walk walk;
	int count = code_walk_init(&walk, &reached);

	if (count < 0)
		return count;
	count = returns_find(&walk, &request, returns, RETURNS_MAX, &complete);
	code_walk_release(&walk);
	if (count < 0)
		return count;
	gap.some = count > 0;
	if ((!count || !complete) && !array_append(&survey->gaps, &survey->gap_count, gap))
		return -ENOMEM;
	int error = append_returns(survey, returns, (size_t)count);
	return error ? error : count > 0;
}

static int add_direct(struct survey *survey, const struct elf_object *object,
		      const struct elf_function *function)
{
	const struct code *code = elf_object_code(object, function->address);
	struct site sites[DIRECT_SITES_MAX];
	int count = direct_find(object, function, code, sites);

	for (int i = 0; i < count; i++)
		if (!array_append(&survey->direct_sites, &survey->direct_count, sites[i]))
			return -ENOMEM;
	return count < 0 ? count : 0;
}

static int add_sites(struct survey *survey, const struct elf_object *object)
{
	survey->entry_sites = calloc(object->function_count, sizeof(*survey->entry_sites));
	if (!survey->entry_sites)
		return -ENOMEM;
	for (size_t i = 0; i < object->function_count; i++) {
		const struct elf_function *function = &object->functions[i];
		struct site *site = &survey->entry_sites[survey->entry_count];

		if (!elf_object_code(object, function->address) ||
		    function_forwards(object, function))
			continue;
		choose_site(object, function, site);
		if (function->function->flags & FUNCTION_THROWS) {
			int seen = add_returns(survey, object, function, site);
			if (seen < 0)
				return seen;
			if (!seen)
				continue;
		}
		survey->entry_count++;
		int error = add_direct(survey, object, function);
		if (error)
			return error;
	}
	return 0;
}

/* Where the site is, and how far from it the word that says what the linker does. */
static void choose_linker_hook(const struct elf_object *object, struct survey *survey)
{
	static const struct alloc_function hook = {
		.name = "_dl_debug_state",
		.cookie = PROBE_COOKIE(0, 0, PROBE_NO_ARG, PROBE_NO_ARG, PROBE_NO_ARG),
	};
	const struct elf_function function = {.function = &hook, .address = object->linker_hook};
	const struct code *code = elf_object_code(object, function.address);
	struct site site;

	if (!object->linker_hook || !code)
		return;
	choose_site(object, &function, &site);
	survey->linker_hook = site.file_offset;
	if (object->linker_debug)
		survey->linker_state = object->linker_debug + offsetof(struct r_debug, r_state) -
				       (code->address + site.file_offset - code->file_offset);
}

static bool is_elf(int fd)
{
	char magic[4];

	return pread(fd, magic, sizeof(magic), 0) == sizeof(magic) &&
	       !memcmp(magic, "\177ELF", sizeof(magic));
}

int survey_read(int fd, struct survey *survey)
{
	struct elf_object object;
	int error;

	*survey = (struct survey){.kind = elf_kind_name(0)};
	if (!is_elf(fd))
		return 0;
	error = elf_object_read(fd, &object);
	if (error)
		return error;
	survey->kind = object.kind;
	survey->hidden = object.hidden;
	choose_linker_hook(&object, survey);
	if (object.defines_malloc && !object.is_loader)
		error = add_sites(survey, &object);
	elf_object_release(&object);
	if (error)
		survey_release(survey);
	return error;
}

void survey_release(struct survey *survey)
{
	free(survey->entry_sites);
	free(survey->return_sites);
	free(survey->direct_sites);
	free(survey->gaps);
	*survey = (struct survey){0};
}

static int survey_confined(int fd, const void *input, size_t length, struct confined_answer *answer)
{
	struct survey survey;
	int error = survey_read(fd, &survey);

	(void)input;
	(void)length;
	if (error)
		return error;
	error = survey_encode(&survey, answer);
	survey_release(&survey);
	return error;
}

static int call_survey(struct confined *confined, int fd, bool alone, struct survey *survey)
{
	const struct confined_call call = {
		.need = CONFINED_SITES,
		.function = survey_confined,
		.fd = fd,
		.alone = alone,
		.keep = true,
		.wait = CONFINED_WAIT_FIRST,
	};
	struct confined_answer answer;
	int error = confined_call(confined, &call, &answer);

	*survey = (struct survey){0};
	return error
		       ?: confined_settle(confined, call.need, &answer,
					  survey_decode(&answer, survey));
}

/*
 * Probes are put where this says, perhaps for all processes that share the file. So where there is
 * something to probe, it is what a process says that no other file can have got hold of.
 */
int survey_request(struct confined *confined, int fd, struct survey *survey)
{
	int error = call_survey(confined, fd, false, survey);

	if (error || (!survey->entry_count && !survey->linker_hook))
		return error;
	survey_release(survey);
	return call_survey(confined, fd, true, survey);
}
