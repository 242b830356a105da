/* SPDX-License-Identifier: BSD-2-Clause */
#include "names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "../lib/array.h"

struct name {
	struct address address;
	struct symbol_list list;
	UT_hash_handle hh;
};

/* Names in one file, whose answer is under way. */
struct batch {
	struct module *module;
	struct name **names;
	size_t count;
};

struct names {
	struct confined *confined;
	struct name *by_address;
	struct name **pending; /* wanted, and not asked for */
	size_t pending_count;
	struct batch *batches; /* one a module */
	size_t batch_count;
	struct name_counts counts;
};

static const struct symbol unknown_symbol;

struct names *names_new(struct confined *confined)
{
	struct names *names = calloc(1, sizeof(*names));

	if (names)
		names->confined = confined;
	return names;
}

static void name_free(struct names *names, struct name *name)
{
	HASH_DEL(names->by_address, name);
	symbol_lists_release(&name->list, 1);
	free(name);
}

void names_free(struct names *names)
{
	struct name *name, *next;

	if (!names)
		return;
	HASH_ITER (hh, names->by_address, name, next)
		name_free(names, name);
	for (size_t i = 0; i < names->batch_count; i++)
		free(names->batches[i].names);
	free(names->batches);
	free(names->pending);
	free(names);
}

/* Takes a batch out of the list, with what it has of memory. */
static void drop_batch(struct names *names, size_t number)
{
	free(names->batches[number].names);
	names->batches[number] = names->batches[--names->batch_count];
}

/* Nobody needs those of modules that are leaving. */
static void forget_wanted(struct names *names)
{
	size_t kept = 0;

	for (size_t i = names->batch_count; i-- > 0;)
		if (names->batches[i].module->leaving)
			drop_batch(names, i);
	for (size_t i = 0; i < names->pending_count; i++)
		if (!names->pending[i]->address.module->leaving)
			names->pending[kept++] = names->pending[i];
	names->pending_count = kept;
}

void names_evict(struct names *names)
{
	struct name *name, *next;

	forget_wanted(names);
	HASH_ITER (hh, names->by_address, name, next) {
		if (name->address.module->leaving)
			name_free(names, name);
	}
}

static struct name *find_name(const struct names *names, const struct address *address)
{
	struct name *name;

	HASH_FIND(hh, names->by_address, address, sizeof(*address), name);
	return name;
}

const struct name *names_want(struct names *names, const struct address *address)
{
	struct name *name = address->module ? find_name(names, address) : NULL;

	if (!address->module)
		return NULL;
	names->counts.wanted++;
	if (name)
		return name;
	name = calloc(1, sizeof(*name));
	if (!name)
		return NULL;
	if (!array_append(&names->pending, &names->pending_count, name)) {
		free(name);
		return NULL;
	}
	name->address = *address;
	HASH_ADD(hh, names->by_address, address, sizeof(name->address), name);
	return name;
}

static int by_module(const void *left, const void *right)
{
	const struct name *const *a = left;
	const struct name *const *b = right;

	if ((*a)->address.module != (*b)->address.module)
		return (*a)->address.module < (*b)->address.module ? -1 : 1;
	if ((*a)->address.value != (*b)->address.value)
		return (*a)->address.value < (*b)->address.value ? -1 : 1;
	return 0;
}

/* Returns as symbolizer_resolve(); what is known of names stays theirs. */
static int resolve(struct names *names, struct name *const *run, size_t count,
		   enum confined_wait network)
{
	struct module *module = run[0]->address.module;
	uint64_t *offsets = calloc(count, sizeof(*offsets));
	struct symbol_list *lists = calloc(count, sizeof(*lists));
	int error = -ENOMEM;

	if (offsets && lists) {
		for (size_t i = 0; i < count; i++) {
			offsets[i] = run[i]->address.value;
			lists[i] = run[i]->list;
		}
		error = symbolizer_resolve(names->confined, module->fd, module->path, offsets,
					   count, network, lists);
		for (size_t i = 0; i < count; i++)
			run[i]->list = lists[i];
	}
	free(offsets);
	free(lists);
	return error;
}

/* Names in one module. Returns -EINPROGRESS where more is to come, -ECANCELED where it was given
 * up: then they are for another time. */
static int ask(struct names *names, struct name *const *run, size_t count,
	       enum confined_wait network)
{
	struct module *module = run[0]->address.module;
	int id = 0, error;

	if (module->fd < 0)
		return 0;
	if (!module->build_id[0])
		id = build_id_read(names->confined, module->fd, module->build_id);
	error = resolve(names, run, count, network);
	module->names_error = error == -EINPROGRESS ? 0 : error;
	return error == 0 && id == -EINPROGRESS ? id : error;
}

static bool is_asked(const struct names *names, const struct module *module)
{
	for (size_t i = 0; i < names->batch_count; i++)
		if (names->batches[i].module == module)
			return true;
	return false;
}

/* For those of batches from the first one on that is given. */
static void ask_again(struct names *names, size_t first, enum confined_wait network)
{
	for (size_t i = names->batch_count; i-- > first;) {
		const struct batch *batch = &names->batches[i];
		int error = ask(names, batch->names, batch->count, network);

		if (error == -EINPROGRESS)
			continue;
		for (size_t k = 0; error == -ECANCELED && k < batch->count; k++)
			array_append(&names->pending, &names->pending_count, batch->names[k]);
		drop_batch(names, i);
	}
}

/* Returns whether it is done with, or a batch has it. */
static bool ask_first(struct names *names, struct name *const *run, size_t count)
{
	struct batch batch = {.module = run[0]->address.module, .count = count};
	int error;

	if (is_asked(names, batch.module))
		return false;
	error = ask(names, run, count, CONFINED_WAIT_NOT);
	names->counts.resolved += error == -ECANCELED ? 0 : count;
	if (error != -EINPROGRESS)
		return error != -ECANCELED;
	batch.names = malloc(count * sizeof(*run));
	if (!batch.names || !array_append(&names->batches, &names->batch_count, batch)) {
		free(batch.names);
		return true;
	}
	memcpy(batch.names, run, count * sizeof(*run));
	return true;
}

/* How many of those that begin there are in one module, and can be asked for at once. */
static size_t run_length(struct name *const *pending, size_t count)
{
	size_t length = 1;

	while (length < count && length < SYMBOL_OFFSETS_MAX &&
	       pending[length]->address.module == pending[0]->address.module)
		length++;
	return length;
}

/* The network is waited for when all have the names that are here, but
 * where it is waited for anyway. */
void names_resolve(struct names *names)
{
	struct name **pending;
	size_t count, left = 0, old;

	ask_again(names, 0, CONFINED_WAIT_NOT);
	old = names->batch_count;
	pending = names->pending;
	count = names->pending_count;
	if (!count)
		return;
	qsort(pending, count, sizeof(struct name *), by_module);
	for (size_t start = 0, length; start < count; start += length) {
		length = run_length(pending + start, count - start);
		if (ask_first(names, pending + start, length))
			continue;
		memmove(pending + left, pending + start, length * sizeof(struct name *));
		left += length;
	}
	names->pending_count = left;
	if (!left) {
		free(pending);
		names->pending = NULL;
	}
	ask_again(names, old, CONFINED_WAIT_AGAIN);
}

size_t names_late(const struct names *names)
{
	size_t count = names->pending_count;

	for (size_t i = 0; i < names->batch_count; i++)
		count += names->batches[i].count;
	return count;
}

struct name_counts names_count(const struct names *names)
{
	return names->counts;
}

const struct symbol *names_of(const struct stack_frame *frame, size_t *count, uint64_t *vaddr)
{
	const struct name *name = frame->name;

	*count = 1;
	*vaddr = frame->address.value;
	if (!name || !name->list.count)
		return &unknown_symbol;
	*count = name->list.count;
	*vaddr = name->list.vaddr;
	return name->list.symbols;
}
