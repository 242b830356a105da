/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All are sums over the frames, from the root on, of what a frame's own hash is. A snapshot has
 * each frame once, and so its hashes are made once.
 */
#include "stack_ids.h"

#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "../lib/hash.h"
#include "../lib/path.h"
#include "../lib/zone.h"

struct frame_hashes {
	UT_hash_handle hh;
	const struct frame *frame;
	uint64_t id;
	uint64_t name_id;
};

struct stack_ids {
	const struct snapshot *snapshot;
	struct zone *zone;
	struct frame_hashes *frames;
};

/* What a frame is told by. Saved reports bear these numbers' hashes: they stay what they are. */
enum identity {
	IDENTITY_PLACE = 1,      /* in a file with a build id, */
	IDENTITY_FILE_PLACE = 2, /* without */
	IDENTITY_PYTHON = 3,
	IDENTITY_NAME = 4,
	IDENTITY_UNKNOWN = 5,
};

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

static uint64_t mix_text(uint64_t hash, const char *text)
{
	return mix(text ? hash_text(hash, text) : hash, text != NULL);
}

static uint64_t begin(enum identity identity)
{
	return mix(FNV_SEED, identity);
}

static uint64_t hash_place(const struct snapshot *snapshot, const struct frame *frame)
{
	const struct snapshot_module *module = snapshot_find_module(snapshot, frame->module);
	uint64_t hash = module && module->build_id
				? mix_text(begin(IDENTITY_PLACE), module->build_id)
				: mix_text(begin(IDENTITY_FILE_PLACE), path_base(frame->module));

	return mix(hash, frame->offset);
}

static uint64_t hash_names(enum identity identity, const struct frame *frame)
{
	return mix(mix_text(mix_text(begin(identity), frame->name), frame->file), frame->line);
}

static uint64_t frame_id(const struct snapshot *snapshot, const struct frame *frame)
{
	if (frame->kind == FRAME_PYTHON)
		return hash_names(IDENTITY_PYTHON, frame);
	if (frame->module && frame->offset)
		return hash_place(snapshot, frame);
	if (frame->module || strncmp(frame->name, "[0x", 3) != 0)
		return hash_names(IDENTITY_NAME, frame);
	return begin(IDENTITY_UNKNOWN);
}

/* The last two components: the same file in two places, or of two builds, is one. */
static const char *path_end(const char *path)
{
	const char *base = path_base(path);

	while (base > path && base[-1] == '/')
		base--;
	while (base > path && base[-1] != '/')
		base--;
	return base;
}

/* Without what compilers put behind the names of copies of a function: `.constprop.0`, `.cold`. */
static uint64_t mix_name(uint64_t hash, const char *name)
{
	static const char *const copies[] = {".constprop.", ".isra.",     ".part.",
					     ".cold",       ".lto_priv.", ".llvm."};
	size_t length = strlen(name);

	for (size_t i = 0; i < sizeof(copies) / sizeof(*copies); i++) {
		const char *copy = strstr(name, copies[i]);

		if (copy && copy > name && (size_t)(copy - name) < length)
			length = (size_t)(copy - name);
	}
	return mix(hash_bytes(hash, name, length), length);
}

/* What has no name is told by its place, and so is another in each build. */
static uint64_t frame_name_id(const struct snapshot *snapshot, const struct frame *frame)
{
	uint64_t hash;

	if (!frame_is_named(frame))
		return frame_id(snapshot, frame);
	hash = mix_name(begin(frame->kind == FRAME_PYTHON ? IDENTITY_PYTHON : IDENTITY_NAME),
			frame->name);
	return frame->file && frame->kind == FRAME_PYTHON ? mix_text(hash, path_end(frame->file))
							  : hash;
}

/* `libssl` of any version; the program itself whatever it is called. */
static uint64_t mix_module(uint64_t hash, const char *module, const char *exe)
{
	if (!module)
		return hash;
	if (exe && !strcmp(module, exe))
		return mix(hash, 1);
	const char *base = path_base(module), *end = strstr(base, ".so");

	return mix(hash_bytes(hash, base, end ? (size_t)(end - base) : strlen(base)), 2);
}

static const struct frame_hashes *find_hashes(struct stack_ids *ids, const struct frame *frame)
{
	struct frame_hashes *known;

	HASH_FIND_PTR(ids->frames, &frame, known);
	if (known)
		return known;
	known = zone_alloc(ids->zone, 1, sizeof(*known));
	known->frame = frame;
	known->id = frame_id(ids->snapshot, frame);
	known->name_id = frame_name_id(ids->snapshot, frame);
	HASH_ADD_PTR(ids->frames, frame, known);
	return known;
}

struct stack_ids *stack_ids_new(const struct snapshot *snapshot)
{
	struct stack_ids *ids = calloc(1, sizeof(*ids));

	if (!ids)
		abort();
	ids->snapshot = snapshot;
	ids->zone = zone_new();
	return ids;
}

void stack_ids_free(struct stack_ids *ids)
{
	if (!ids)
		return;
	HASH_CLEAR(hh, ids->frames);
	zone_free(ids->zone);
	free(ids);
}

/* Whether its place is the one of the frame before it: then debug information alone tells of it. */
static bool is_inlined_into(const struct frame *frame, const struct frame *outer)
{
	return frame->kind == FRAME_INLINED && frame->module && frame->module == outer->module &&
	       frame->offset == outer->offset;
}

uint64_t stack_id(struct stack_ids *ids, const struct stack *stack)
{
	uint64_t hash = mix(mix(FNV_SEED, stack->domain), stack->truncated);

	for (size_t i = 0; i < stack->frame_count; i++)
		if (!i || !is_inlined_into(stack->frames[i], stack->frames[i - 1]))
			hash = mix(hash, find_hashes(ids, stack->frames[i])->id);
	return hash ? hash : 1;
}

uint64_t stack_name_id(struct stack_ids *ids, const struct stack *stack)
{
	const char *exe = ids->snapshot->targets[stack->target].exe;
	uint64_t hash = mix(mix(FNV_SEED, stack->domain), stack->truncated);

	for (size_t i = 0; i < stack->frame_count; i++) {
		hash = mix(hash, find_hashes(ids, stack->frames[i])->name_id);
		if (frame_is_named(stack->frames[i]))
			hash = mix_module(hash, stack->frames[i]->module, exe);
	}
	return hash ? hash : 1;
}
