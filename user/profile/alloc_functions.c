/* SPDX-License-Identifier: BSD-2-Clause */
#include "alloc_functions.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/array.h"
#include "../lib/path.h"
#include "own_code.h"

enum {
	CALLERS_OF_NAMED = 2,
	CALLERS_OF_ANY = 10,
	SIZES_ALIKE = 2,
	CHAIN_MAX = 8,
	NAME_MAX_BYTES = 128
};

/* --- names --- */

/* The last part of a name, in small letters, without arguments: "xalloc" of
 * "util::XAlloc<int>(size_t)". */
static void plain_name(const char *name, char plain[NAME_MAX_BYTES])
{
	size_t length = 0;

	for (const char *at = name; *at && *at != '(' && *at != '<' && *at != ' '; at++) {
		if (at[0] == ':' && at[1] == ':')
			length = 0;
		else if (*at != ':' && length + 1 < NAME_MAX_BYTES)
			plain[length++] = (char)tolower((unsigned char)*at);
	}
	plain[length] = '\0';
}

/* Behind it nothing is left, or a suffix. */
static bool has_name_of_libc(const char *name, const char *wanted)
{
	const char *found = strstr(name, wanted);

	return found && (!found[strlen(wanted)] || found[strlen(wanted)] == '_');
}

static bool is_like_libc(const char *name)
{
	static const char *const wanted[] = {"malloc",  "calloc", "realloc",  "strdup",
					     "strndup", "memdup", "memalign", NULL};
	char plain[NAME_MAX_BYTES];

	plain_name(name, plain);
	if (text_ends_in(plain, "alloc") || text_ends_in(plain, "allocate"))
		return true;
	for (const char *const *one = wanted; *one; one++)
		if (has_name_of_libc(plain, *one))
			return true;
	return false;
}

static bool speaks_of_allocating(const char *name)
{
	char plain[NAME_MAX_BYTES];

	plain_name(name, plain);
	return strstr(plain, "alloc") || is_like_libc(name);
}

bool alloc_function_is_called(const char *name, const char *wanted)
{
	size_t length = strlen(wanted);

	return !strncmp(name, wanted, length) && (!name[length] || name[length] == '(');
}

/* --- who calls them --- */

/* What one function had allocated for one that called it. */
struct call {
	struct named_function function;
	struct named_function caller;
	uint64_t bytes;
	uint64_t blocks;
};

struct calls {
	struct call *items;
	size_t count;
};

static struct named_function function_of(const struct frame *frame)
{
	return (struct named_function){frame->name, frame->module ?: frame->file};
}

static int compare_functions(const struct named_function *a, const struct named_function *b)
{
	if (a->name != b->name)
		return (uintptr_t)a->name < (uintptr_t)b->name ? -1 : 1;
	return ((uintptr_t)a->module > (uintptr_t)b->module) -
	       ((uintptr_t)a->module < (uintptr_t)b->module);
}

static int compare_calls(const void *left, const void *right)
{
	const struct call *a = left, *b = right;
	int order = compare_functions(&a->function, &b->function);

	return order ? order : compare_functions(&a->caller, &b->caller);
}

static int compare_items(const void *left, const void *right)
{
	return compare_functions(left, right);
}

/*
 * Frames from the allocator on that allocate by their names, a library's such as strdup too, or of
 * the user's the first one whatever it is called: all were called by the one beyond them, whose
 * place is returned. `own`: places of those that are the user's, *count of them.
 */
static size_t find_allocating(const struct stack *stack, const char *exe, size_t own[CHAIN_MAX],
			      size_t *count)
{
	size_t at = stack->frame_count;

	for (*count = 0; at > 1 && *count < CHAIN_MAX; at--) {
		const struct frame *frame = stack->frames[at - 1];
		bool is_own = frame->kind != FRAME_PYTHON && frame_is_of_user(frame, exe);

		if (!speaks_of_allocating(frame->name) && (!is_own || *count))
			break;
		if (is_own)
			own[(*count)++] = at - 1;
	}
	return at ? at - 1 : 0;
}

static void take_stack(struct calls *calls, const struct stack *stack, const char *exe)
{
	size_t own[CHAIN_MAX], count, caller = find_allocating(stack, exe, own, &count);

	for (size_t i = 0; i < count; i++) {
		const struct call call = {
			.function = function_of(stack->frames[own[i]]),
			.caller = function_of(stack->frames[caller]),
			.bytes = stack->alloc_bytes,
			.blocks = stack->alloc_blocks,
		};

		array_append(&calls->items, &calls->count, call);
	}
}

/* --- which of them are such --- */

static int compare_sizes(const void *left, const void *right)
{
	const uint64_t *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

struct seen {
	size_t callers;
	size_t sizes; /* different ones, each a mean under one caller */
};

/* Those of one function begin at `calls`. `sizes` has room for `count`. */
static struct seen count_callers(const struct call *calls, size_t count, uint64_t *sizes)
{
	struct seen seen = {0};

	for (size_t i = 0; i < count;) {
		uint64_t bytes = 0, blocks = 0;
		size_t first = i;

		for (; i < count && !compare_calls(&calls[i], &calls[first]); i++) {
			bytes = saturating_add(bytes, calls[i].bytes);
			blocks = saturating_add(blocks, calls[i].blocks);
		}
		sizes[seen.callers++] = bytes / blocks;
	}
	qsort(sizes, seen.callers, sizeof(*sizes), compare_sizes);
	for (size_t i = 0; i < seen.callers; i++)
		seen.sizes += !i || sizes[i] != sizes[i - 1];
	return seen;
}

static bool allocates(const char *name, const struct seen *seen)
{
	if (is_like_libc(name))
		return true;
	if (speaks_of_allocating(name))
		return seen->sizes >= CALLERS_OF_NAMED;
	return seen->callers >= CALLERS_OF_ANY && seen->sizes + SIZES_ALIKE >= seen->callers;
}

static void choose(struct alloc_functions *functions, const struct calls *calls, uint64_t *sizes)
{
	for (size_t i = 0, end; i < calls->count; i = end) {
		const struct named_function function = calls->items[i].function;

		for (end = i; end < calls->count &&
			      !compare_functions(&calls->items[end].function, &function);)
			end++;
		const struct seen seen = count_callers(&calls->items[i], end - i, sizes);
		if (allocates(function.name, &seen))
			array_append(&functions->items, &functions->count, function);
	}
}

/* What allocates by what others call as well is no mere way to the
 * allocator, unless its name says so. */
static void drop_outer(struct alloc_functions *functions, const struct stack *stack,
		       const char *exe)
{
	size_t own[CHAIN_MAX], count, caller = find_allocating(stack, exe, own, &count);

	for (size_t i = 0; i < stack->frame_count && i <= caller; i++) {
		const struct named_function function = function_of(stack->frames[i]);
		struct named_function *found =
			bsearch(&function, functions->items, functions->count, sizeof(function),
				compare_items);

		if (!found || speaks_of_allocating(function.name))
			continue;
		memmove(found, found + 1,
			(size_t)(functions->items + --functions->count - found) * sizeof(*found));
	}
}

static void each_stack(const struct snapshot *snapshot, struct calls *calls,
		       struct alloc_functions *functions)
{
	for (size_t i = 0; snapshot->mode != MODE_GROWTH && i < snapshot->stack_count; i++) {
		const struct stack *stack = &snapshot->stacks[i];
		const struct target *target = &snapshot->targets[stack->target];
		const char *exe = target->python_mode ? NULL : target->exe;

		if (stack->domain != DOMAIN_MALLOC || !stack->alloc_blocks || !exe)
			continue;
		if (calls)
			take_stack(calls, stack, exe);
		else if (functions->count)
			drop_outer(functions, stack, exe);
	}
}

void alloc_functions_find(struct alloc_functions *functions, const struct snapshot *snapshot)
{
	struct calls calls = {0};
	uint64_t *sizes;

	*functions = (struct alloc_functions){0};
	each_stack(snapshot, &calls, functions);
	sizes = calloc(calls.count + 1, sizeof(*sizes));
	if (calls.count && sizes) {
		qsort(calls.items, calls.count, sizeof(*calls.items), compare_calls);
		choose(functions, &calls, sizes);
		each_stack(snapshot, NULL, functions);
	}
	free(sizes);
	free(calls.items);
}

void alloc_functions_release(struct alloc_functions *functions)
{
	free(functions->items);
	*functions = (struct alloc_functions){0};
}

bool alloc_functions_have(const struct alloc_functions *functions, const struct frame *frame)
{
	const struct named_function function = function_of(frame);

	return functions->count && bsearch(&function, functions->items, functions->count,
					   sizeof(function), compare_items);
}
