/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who holds something by a word in memory. In a block of a pool it is the object there, where that
 * refers to it as its form says; a block without an object is a table, whose own holder is asked
 * for next. Outside of pools it is an object that begins in front of the word and is large enough,
 * or a table: of a module, which are known, or of a container in some pool, which is looked for in
 * the next pass.
 *
 * A tuple or a table that has a class in it has words that look like an object's beginning: a
 * length and the class, a hash and the class. What the block of malloc says that the word lies in
 * is believed; where there is none that is known, the word is taken for one of a table too.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/array.h"
#include "../../lib/sorted.h"
#include "../../memory/chunk_guess.h"
#include "chains_internal.h"
#include "dicts.h"
#include "roots.h"

enum {
	BEGINNING_BYTES = 8192, /* so far in front of a word an object's beginning is looked for */
	MODULES_MAX = 1 << 16,
	ROOTS_MAX = 1 << 17,
	ENTRIES_CHECKED = 4096,
	DEQUE_BLOCKS = 64,
	NAME_BYTES = 256,
	INSTANCE_VALUES_MAX = 30, /* SHARED_KEYS_MAX_SIZE */
	UNUSED_MAX = 96,          /* of a block, behind its object, with marks */
};

/* Values of an instance that lie in a block of their own: 3.11 has a pointer to them, 3.12 a tagged
 * one. */
static bool instance_table(struct object_reader *reader, uint64_t address, uint32_t type,
			   uint64_t *start, uint64_t *end)
{
	unsigned int minor = reader->structs->minor;
	uint64_t values;

	if (!(reader->types->items[type].flags & TYPE_MANAGED_DICT) || minor < 11 || minor > 12)
		return false;
	values = object_word(reader, address - (minor == 11 ? 32 : 24));
	if (minor == 12 && !(values & 1))
		return false;
	*start = values + (minor == 12);
	*end = *start + 8 * INSTANCE_VALUES_MAX;
	return values;
}

bool container_table(struct object_reader *reader, uint64_t address, uint32_t type, uint64_t *start,
		     uint64_t *end)
{
	struct dict_keys keys;

	switch ((enum object_kind)reader->types->items[type].kind) {
	case KIND_DICT:
		*start = object_word(reader, address + DICT_VALUES);
		*end = *start + 8 * (INSTANCE_VALUES_MAX + 1);
		if (*start) /* its keys are others' too */
			return true;
		*start = object_word(reader, address + DICT_KEYS);
		if (!dict_keys_read(reader->view, reader->structs, *start, &keys))
			return false;
		*end = *start + keys.bytes;
		return true;
	case KIND_LIST:
		*start = object_word(reader, address + LIST_ITEMS);
		*end = *start + 8 * object_word(reader, address + LIST_LENGTH);
		return *start && *end > *start;
	case KIND_SET:
		*start = object_word(reader, address + SET_TABLE);
		*end = *start + 16 * (object_word(reader, address + SET_MASK) + 1);
		return *start && *end > *start;
	case KIND_PLAIN:
		return instance_table(reader, address, type, start, end);
	default:
		return false;
	}
}

struct checking {
	uint64_t start; /* of what is to be referred to */
	uint64_t end;
	bool found;
};

static void check_reference(void *context, uint64_t target, uint32_t label)
{
	struct checking *checking = context;

	(void)label;
	checking->found |= target >= checking->start && target < checking->end;
}

static void check_storage(void *context, uint64_t address)
{
	check_reference(context, address, 0);
}

/* Whether an object refers to something as its form says: not weakly, not by what was there before.
 * Of a large container only the object itself has words that count, which need no proof. */
static bool refers(const struct search *search, const struct object *object,
		   const struct holder *held)
{
	struct object_reader *reader = search->reader;
	struct checking checking = {
		.start = held->address,
		.end = held->address + (held->kind == HOLDER_BLOCK ? held->bytes : 1),
	};

	if (object_length(reader, object->address, object->type) > ENTRIES_CHECKED)
		return true;
	object_references(reader, object, check_reference, check_storage, &checking);
	return checking.found;
}

static void take_object(struct search *search, const struct object *object, uint64_t word,
			uint32_t held)
{
	if (is_table(&search->holders[held]) && !object_leads_to_raw(search->reader, object->type))
		return;
	if (refers(search, object, &search->holders[held]))
		search_connect(search,
			       search_add(search, HOLDER_OBJECT, object->address, object->type),
			       held, word);
}

static void take_block(struct search *search, const struct pool_block *block, uint64_t word,
		       uint32_t held)
{
	struct object_reader *reader = search->reader;
	uint8_t content[POOL_BLOCK_BYTES_MAX];
	uint32_t header = 0;
	bool listed;

	if (block->free || !view_bytes(reader->view, block->start, content, block->bytes))
		return;
	uint32_t type = object_block_type(reader->types, reader->view, content, block->bytes,
					  &header, &listed);
	const struct object object = {
		.address = block->start + header,
		.type = type,
		.end = block->start + block->bytes,
	};
	if (listed)
		return;
	if (type) {
		take_object(search, &object, word, held);
		return;
	}
	uint32_t number = search_add(search, HOLDER_BLOCK, block->start, TYPE_NONE);
	search->holders[number].bytes = block->bytes;
	search_connect(search, number, held, word);
}

/* Whether it looks like an object; `end`: of what it may have words in. */
static bool is_object(struct object_reader *reader, uint64_t address, struct object *object)
{
	if (!python_refcount_is_plausible(reader->structs, object_word(reader, address)))
		return false;
	*object = object_make(reader, address, object_type_at(reader, address));
	const struct python_type *type = &reader->types->items[object->type];
	if (type->kind == KIND_TYPE && object->end < address + TYPE_BYTES)
		object->end = address + TYPE_BYTES;
	if (reader->structs->minor >= 13 && type->flags & TYPE_INLINE_VALUES)
		object->end += 8 + 8 * INSTANCE_VALUES_MAX;
	return object->type;
}

/* The end of the block of malloc that an object has for itself; 0 where it has none.
 * A block that is much larger is by chance one: among many small ones each third
 * place may be the end of one. */
static uint64_t block_end(struct object_reader *reader, const struct object *object)
{
	uint64_t start = object->address - reader->types->items[object->type].header_bytes;
	uint64_t bytes = chunk_guess_bytes_of_part(reader->view, start);
	uint8_t head[BLOCK_HEAD_BYTES];

	if (!bytes) {
		start -= sizeof(head);
		bytes = chunk_guess_bytes_of_part(reader->view, start);
		bytes = bytes < UINT32_MAX ? bytes : UINT32_MAX;
		if (!view_bytes(reader->view, start, head, sizeof(head)) ||
		    !object_block_is_marked(head, (uint32_t)bytes))
			return 0;
	}
	return start + bytes <= object->end + UNUSED_MAX ? start + bytes : 0;
}

/* The object outside of pools that a word lies in: the nearest in front of it, unless it is inside
 * of another one's block. */
static bool find_object(struct object_reader *reader, uint64_t word, const struct mapping *mapping,
			struct object *object, bool *certain)
{
	uint64_t low = word > BEGINNING_BYTES ? word - BEGINNING_BYTES : 0;
	struct object found;

	*object = (struct object){0};
	*certain = false;
	low = low > mapping->start ? low : mapping->start;
	for (uint64_t at = word; at >= low + 8 && view_page(reader->view, at - 8); at -= 8) {
		if (!is_object(reader, at - 8, &found))
			continue;
		uint64_t end = mapping->inode ? 0 : block_end(reader, &found);
		*certain = word < end;
		if (*certain)
			*object = found;
		else if (object->address < end)
			*object = (struct object){0};
		if (end) /* nothing in front of a block reaches behind it */
			break;
		if (!object->type && word < found.end)
			*object = found;
		if (object->type && mapping->inode)
			break;
	}
	return object->type;
}

static const struct module_table *find_table(const struct search *search, uint64_t word)
{
	size_t low = sorted_count(search->tables, search->table_count, end, word);

	return low < search->table_count && search->tables[low].start <= word ? &search->tables[low]
									      : NULL;
}

static void take_c_variable(struct search *search, size_t region, uint64_t word, uint32_t held)
{
	struct object_reader *reader = search->reader;
	char name[NAME_BYTES];

	if (!roots_c_data(view_regions(reader->view), region, name, sizeof(name)))
		return;
	uint32_t number = search_add(search, HOLDER_C, word, TYPE_NONE);
	struct holder *holder = &search->holders[number];
	if (!number)
		return;
	holder->root_label = label_make(LABEL_C, labels_number(reader->labels, name));
	holder->rank = RANK_C;
	search_connect(search, number, held, word);
}

void search_hit(struct search *search, size_t region, uint64_t word, uint32_t held)
{
	struct object_reader *reader = search->reader;
	const struct region *where = &view_regions(reader->view)->items[region];
	const struct module_table *table = find_table(search, word);
	struct pool_block block;
	struct object object;
	bool certain;
	uint32_t type;

	if (table) {
		type = object_type_at(reader, table->dict);
		search_connect(search, search_add(search, HOLDER_OBJECT, table->dict, type), held,
			       word);
		return;
	}
	if (search->holders[held].hits++ >= search->hits_max) {
		search->holders[held].hits = search->hits_max;
		search->full = true;
		return;
	}
	if (!where->mapping.inode &&
	    object_pools_inspect(reader->pools, reader->view, word, &block)) {
		take_block(search, &block, word, held);
		return;
	}
	if (find_object(reader, word, &where->mapping, &object, &certain))
		take_object(search, &object, word, held);
	if (!certain && !where->mapping.inode)
		search_connect(search, search_add(search, HOLDER_WORD, word, TYPE_NONE), held,
			       word);
	if (!object.type)
		take_c_variable(search, region, word, held);
}

/* Whether an object refers to what a word holds. */
static bool holds_word(struct search *search, uint64_t address, uint32_t type, uint64_t word)
{
	struct object_reader *reader = search->reader;
	const struct object object = object_make(reader, address, type);
	const struct holder held = {
		.address = object_word(reader, word),
		.kind = HOLDER_OBJECT,
	};

	return refers(search, &object, &held);
}

/* The words that lie in a table of a container; `exact`: up to its end and no further. */
static void take_table(struct search *search, uint64_t address, uint32_t type, uint64_t start,
		       uint64_t end, bool exact)
{
	size_t low = 0, high = search->word_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (search->holders[search->words[middle]].address < start)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < search->word_count; low++) {
		uint32_t number = search->words[low];
		uint64_t word = search->holders[number].address;

		if (word >= end)
			break;
		if (exact || holds_word(search, address, type, word))
			search_connect(search, search_add(search, HOLDER_OBJECT, address, type),
				       number, word);
	}
}

/* Blocks in a row, of which the object has the first and the last. Where it has no entry any more,
 * or none yet, there are leftovers. */
static void take_deque(struct search *search, uint64_t address, uint32_t type)
{
	struct object_reader *reader = search->reader;
	uint64_t block = object_word(reader, address + DEQUE_LEFT);
	uint64_t index = object_word(reader, address + DEQUE_LEFT_INDEX);
	uint64_t left = object_word(reader, address + DEQUE_LENGTH);

	for (int i = 0; block && left && index < DEQUE_BLOCK_ITEMS && i < DEQUE_BLOCKS; i++) {
		uint64_t here = DEQUE_BLOCK_ITEMS - index < left ? DEQUE_BLOCK_ITEMS - index : left;
		uint64_t start = block + 8 + 8 * index;

		take_table(search, address, type, start, start + 8 * here, true);
		left -= here;
		index = 0;
		block = object_word(reader, block + 8 + 8 * DEQUE_BLOCK_ITEMS);
	}
}

void search_tables(struct search *search, uint64_t address, uint32_t type)
{
	struct object_reader *reader = search->reader;
	enum object_kind kind = reader->types->items[type].kind;
	uint64_t start, end;
	bool exact = kind != KIND_PLAIN; /* values of an instance: room for the most that may be */

	/* a table behind all words that are looked for, or far in front of them, is not read */
	if (kind == KIND_DICT) {
		start = object_word(reader, address + DICT_VALUES);
		exact = !start;
		if (!start)
			start = object_word(reader, address + DICT_KEYS);
		if (start > search->holders[search->words[search->word_count - 1]].address)
			return;
		if (object_length(reader, address, type) < 8 &&
		    start + VIEW_PAGE_BYTES < search->holders[search->words[0]].address)
			return;
	}
	if (kind == KIND_DEQUE)
		take_deque(search, address, type);
	else if (container_table(reader, address, type, &start, &end))
		take_table(search, address, type, start, end, exact);
}

/* What a table leads to, as a list for each. */
struct table_lists {
	uint32_t *first; /* by holder: holding + 1 */
	uint32_t *next;  /* by holding */
};

static bool table_lists_init(struct table_lists *lists, const struct search *search)
{
	lists->first = calloc(search->holder_count, sizeof(*lists->first));
	lists->next = calloc(search->holding_count + 1, sizeof(*lists->next));
	for (uint32_t i = 0; lists->first && lists->next && i < search->holding_count; i++) {
		lists->next[i] = lists->first[search->holdings[i].holder];
		lists->first[search->holdings[i].holder] = i + 1;
	}
	return lists->first && lists->next;
}

struct verifying {
	struct search *search;
	struct table_lists lists;
	uint32_t table;
	uint8_t *tables; /* by holder: whether an object was asked that has it, or could not be */
	bool *confirmed; /* by holding */
};

enum { TABLE_ASKED = 1, TABLE_LARGE = 2 };

static void confirm_reference(void *context, uint64_t target, uint32_t label)
{
	const struct verifying *verifying = context;
	const struct search *search = verifying->search;
	const struct table_lists *lists = &verifying->lists;

	(void)label;
	for (uint32_t i = lists->first[verifying->table]; i; i = lists->next[i - 1])
		if (search->holders[search->holdings[i - 1].held].address == target)
			verifying->confirmed[i - 1] = true;
}

static void ask_owner(struct verifying *verifying, const struct holding *holding)
{
	struct object_reader *reader = verifying->search->reader;
	const struct holder *owner = &verifying->search->holders[holding->holder];

	verifying->table = holding->held;
	view_clear(reader->view, view_regions(reader->view));
	if (object_length(reader, owner->address, owner->type) > ENTRIES_CHECKED) {
		verifying->tables[holding->held] |= TABLE_LARGE;
		return;
	}
	verifying->tables[holding->held] |= TABLE_ASKED;
	const struct object object = object_make(reader, owner->address, owner->type);
	object_references(reader, &object, confirm_reference, NULL, verifying);
}

/* Behind what is used of a table there are leftovers. */
static void verify(struct verifying *verifying, size_t first)
{
	struct search *search = verifying->search;

	for (size_t i = 0; i < search->holding_count; i++) {
		const struct holding *holding = &search->holdings[i];
		size_t newest = verifying->lists.first[holding->held];

		if (search->holders[holding->holder].kind == HOLDER_OBJECT &&
		    search->holders[holding->held].kind == HOLDER_BLOCK &&
		    (i >= first || newest > first))
			ask_owner(verifying, holding);
	}
	for (size_t i = 0; i < search->holding_count; i++) {
		struct holding *holding = &search->holdings[i];

		if (verifying->tables[holding->holder] == TABLE_ASKED && !verifying->confirmed[i] &&
		    search->holders[holding->held].kind == HOLDER_OBJECT)
			holding->holder = 0;
	}
}

void search_verify(struct search *search, size_t first)
{
	struct verifying verifying = {
		.search = search,
		.tables = calloc(search->holder_count, sizeof(*verifying.tables)),
		.confirmed = calloc(search->holding_count + 1, sizeof(*verifying.confirmed)),
	};

	if (table_lists_init(&verifying.lists, search) && verifying.tables && verifying.confirmed)
		verify(&verifying, first);
	free(verifying.lists.first);
	free(verifying.lists.next);
	free(verifying.tables);
	free(verifying.confirmed);
}

static void add_root(struct search *search, uint64_t address, uint32_t label, enum root_rank rank)
{
	const struct chain_root root = {address, label, (uint8_t)rank};

	if (address && search->root_count < ROOTS_MAX &&
	    !array_append(&search->roots, &search->root_count, root))
		search->full = true;
}

static void add_table(struct search *search, uint64_t dict)
{
	struct module_table table = {.dict = dict};
	struct object_reader *reader = search->reader;
	uint32_t type = object_type_at(reader, dict);

	if (reader->types->items[type].kind == KIND_DICT &&
	    container_table(reader, dict, type, &table.start, &table.end) &&
	    !array_append(&search->tables, &search->table_count, table))
		search->full = true;
}

struct modules {
	struct search *search;
	const char *prefix; /* "interpreter 2: " */
	size_t count;
};

static bool add_module(void *context, uint64_t key, uint64_t value)
{
	struct modules *modules = context;
	struct search *search = modules->search;
	struct object_reader *reader = search->reader;
	char name[NAME_BYTES], full[NAME_BYTES + 64];
	uint32_t type = object_type_at(reader, value);

	if (modules->count++ == MODULES_MAX)
		return false;
	if (!type || !view_text(reader->view, reader->layout, key, name, sizeof(name)))
		return true;
	snprintf(full, sizeof(full), "%s%s", modules->prefix, name);
	uint32_t label = label_make(LABEL_ROOT, labels_number(reader->labels, full));
	add_root(search, value, label, RANK_MODULE);
	if (reader->types->items[type].kind != KIND_MODULE)
		return true;
	uint64_t dict = object_word(reader, value + MODULE_DICT);
	add_root(search, dict, label_make(LABEL_MODULES, label_value(label)), RANK_MODULE);
	add_table(search, dict);
	return true;
}

static enum root_rank rank_of_root(const struct labels *labels, uint32_t label)
{
	const char *text = labels_text(labels, label_value(label));

	if (label_kind(label) == LABEL_C)
		return RANK_C;
	return strncmp(text, ROOT_OF_FRAME, strlen(ROOT_OF_FRAME)) ? RANK_FRAME : RANK_LEFTOVER;
}

static void visit_root(void *context, uint64_t address, uint32_t label)
{
	struct search *search = context;
	struct object_reader *reader = search->reader;
	struct modules modules = {.search = search, .prefix = ""};

	if (!label_is_namespace(label)) {
		add_root(search, address, label, rank_of_root(reader->labels, label));
		return;
	}
	if (label_kind(label) == LABEL_MODULES)
		modules.prefix = labels_text(reader->labels, label_value(label));
	add_root(search, address, label, RANK_MODULE);
	dict_each(reader->view, reader->structs, address, add_module, &modules);
}

static int compare_roots(const void *a, const void *b)
{
	const struct chain_root *left = a, *right = b;

	if (left->address != right->address)
		return left->address < right->address ? -1 : 1;
	return left->rank - right->rank;
}

static int compare_tables(const void *a, const void *b)
{
	const struct module_table *left = a, *right = b;

	return left->start < right->start ? -1 : left->start > right->start;
}

/* Hostile tables may overlap: then the first one is right, as good as any. */
static void separate_tables(struct search *search)
{
	size_t kept = 0;

	for (size_t i = 0; i < search->table_count; i++)
		if (!kept || search->tables[i].start >= search->tables[kept - 1].end)
			search->tables[kept++] = search->tables[i];
	search->table_count = kept;
}

int search_begin(struct search *search, const struct python_interpreter *interpreter)
{
	roots_visit(search->reader, interpreter, visit_root, search);
	if (search->root_count)
		qsort(search->roots, search->root_count, sizeof(*search->roots), compare_roots);
	if (search->table_count)
		qsort(search->tables, search->table_count, sizeof(*search->tables), compare_tables);
	separate_tables(search);
	return 0;
}
