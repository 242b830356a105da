// SPDX-License-Identifier: BSD-2-Clause
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

struct names {
	struct confined *confined;
	struct name *by_address;
	struct name **pending; /* wanted, and not looked up */
	size_t pending_count;
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
	free(names->pending);
	free(names);
}

void names_evict(struct names *names)
{
	struct name *name, *next;

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

/* Resolves a run of names in one module. Returns whether that was given up: then it is for another time. */
static bool resolve_module(struct names *names, struct name **run, size_t count)
{
	struct module *module = run[0]->address.module;
	uint64_t *offsets = calloc(count, sizeof(*offsets));
	struct symbol_list *lists = calloc(count, sizeof(*lists));

	names->counts.resolved += count;
	if (module->fd >= 0 && !module->build_id[0])
		build_id_read(names->confined, module->fd, module->build_id);
	if (offsets && lists && module->fd >= 0) {
		for (size_t i = 0; i < count; i++)
			offsets[i] = run[i]->address.value;
		module->names_error = symbolizer_resolve(names->confined, module->fd, module->path,
							 offsets, count, lists);
		for (size_t i = 0; i < count; i++)
			run[i]->list = lists[i];
	}
	free(offsets);
	free(lists);
	return module->names_error == -ECANCELED;
}

void names_resolve(struct names *names)
{
	struct name **pending = names->pending;
	size_t count = names->pending_count, left = 0;

	if (!count)
		return;
	qsort(pending, count, sizeof(struct name *), by_module);
	for (size_t start = 0, end; start < count; start = end) {
		end = start + 1;
		while (end < count &&
		       pending[end]->address.module == pending[start]->address.module)
			end++;
		if (!resolve_module(names, pending + start, end - start))
			continue;
		memmove(pending + left, pending + start, (end - start) * sizeof(struct name *));
		left += end - start;
	}
	names->pending_count = left;
	if (left)
		return;
	free(pending);
	names->pending = NULL;
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
