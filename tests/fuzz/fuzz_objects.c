/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer: an interpreter (object_space.h) some of whose words were overwritten, looked at three
 * times. Each 11 bytes of input are a change: which look it comes before, which part of the word is
 * changed, where, and what is put there, as it is or as an address. Whatever they say, looks end,
 * stay within bounds, and make a report. By the length of the input memory is streamed, where a
 * chain gets links at its head, and who holds something is asked for.
 */
#include "object_space.h"
#include "python/objects/heads.h"

enum { CHANGE_BYTES = 11, LOOKS = 3, CHANGES_MAX = 200, LINKS = 20, ENTRY_OF_PLAIN = 2 };

/* Nobody changes this process. */
static char root[64];
static struct procfs procfs;
static struct object_space *pristine;

/* Links that are there from a look on, each with a reference to the one before. */
static uint64_t links[LOOKS][LINKS];
static uint64_t place_of_head;

static void make_links(struct object_space *space)
{
	uint64_t head = space->rows;

	for (int look = 0; look < LOOKS; look++)
		for (int i = 0; i < LINKS; i++) {
			head = links[look][i] = space_another_plain(space, head);
			space_put(space, head + OBJECT_TYPE, 0);
		}
	place_of_head = space_dict_place(space, space->main, ENTRY_OF_PLAIN);
}

static void add_links(struct object_space *space, int look)
{
	for (int i = 0; i < LINKS; i++)
		space_put(space, links[look][i] + OBJECT_TYPE, space_type(SPACE_PLAIN));
	space_put(space, place_of_head, links[look][LINKS - 1]);
}

static void remove_procfs(void)
{
	space_remove_procfs(root);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	procfs.root = space_make_procfs(root);
	atexit(remove_procfs);
	pristine = space_new();
	make_links(pristine);
	return 0;
}

static uint64_t address_of(uint32_t place)
{
	static const uint32_t heap_used = SPACE_HEAP_BYTES;

	place &= ~7u;
	if (place % 4 == 0 && place / 8 % 4 == 0)
		return SPACE_DATA + place / 32 * 8 % SPACE_DATA_BYTES;
	return SPACE_HEAP + place % heap_used;
}

/* flags: 1 an address, 2 half a word, 4 the address of a type, 8 one bit, 0xc0 before which
 * look. */
static void change(struct object_space *space, const uint8_t *input)
{
	uint32_t place = (uint32_t)(input[1] | input[2] << 8 | input[3] << 16) % 0x180000;
	uint64_t value, where = address_of(place);

	memcpy(&value, input + 3, sizeof(value));
	if (input[0] & 1)
		value = SPACE_HEAP + value % SPACE_HEAP_BYTES;
	else if (input[0] & 4)
		value = space_type(value % SPACE_TYPES);
	else if (input[0] & 8)
		value = space_get(space, where) ^ UINT64_C(1) << value % 64;
	else if (input[0] & 16)
		value = value % 64;
	if (input[0] & 2)
		value = (space_get(space, where) & ~UINT64_C(0xffffffff)) | (uint32_t)value;
	space_put(space, where, value);
}

/* NULL: nothing. */
static const char *const asked[] = {
	NULL,           "list",           "main.PLAIN.rows",
	"main.DICT[*]", "0x7f0000000050", "local kept of work (file.py:7)",
	"str",          "Plain"};

enum { ASKED = sizeof(asked) / sizeof(*asked), STREAMED_BYTES = 512 << 10 };

/* Of all types: what is linked is not asked. */
static void find_heads(struct objects *objects)
{
	bool linked[TYPES_MAX + 1];
	struct chain_heads heads;

	memset(linked, true, sizeof(linked));
	chain_heads_find(&heads, objects, linked);
	chain_heads_release(&heads);
	memset(linked, false, sizeof(linked));
	linked[python_types_find(&objects->types, objects->view, space_type(SPACE_PLAIN))] = true;
	chain_heads_find(&heads, objects, linked);
	chain_heads_release(&heads);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct object_space *space = malloc(sizeof(*space));
	struct objects_request request = {
		.containers = 50,
		.with_keys = size & 1,
		.holders = asked[size / 4 % ASKED],
	};
	struct python_interpreter interpreter;
	struct objects objects;
	int error;

	*space = *pristine;
	interpreter = space_interpreter(space);
	error = space_open(space, &procfs, &interpreter, &objects);
	if (!error && size & 2) {
		objects.budget_bytes = STREAMED_BYTES;
		objects.streamed = true;
	}
	for (int i = 0; i < LOOKS && !error; i++) {
		if (size & 2)
			add_links(space, i);
		for (size_t at = 0; at + CHANGE_BYTES <= size && at / CHANGE_BYTES < CHANGES_MAX;
		     at += CHANGE_BYTES)
			if (bytes[at] >> 6 == i)
				change(space, bytes + at);
		error = objects_look(&objects, true);
	}
	if (!error) {
		struct look *look = look_new();

		objects_report(&objects, &request, look);
		look_free(look);
		if (objects.streamed)
			find_heads(&objects);
	}
	objects_release(&objects);
	free(space);
	return 0;
}
