/* SPDX-License-Identifier: BSD-2-Clause */
#include "proofs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../lib/clock.h"

#define CALLS_END_NS 1000000000u /* that were under way, or few of them */

/* What a file is: another one of later days may have its number. */
struct file_state {
	uint64_t device;
	uint64_t inode;
	uint64_t changed_ns;
	uint64_t bytes;
};

struct proved {
	struct file_state file;
	const struct alloc_function *function;
	char *path;
	uint64_t held_ns; /* since when it is known; 0 */
	bool done;        /* its entries have nothing to do any more */
	bool told;
};

struct proofs {
	struct proof *memory;
	struct proved items[PROOFS]; /* by number */
	uint32_t count;              /* the first is none */
};

const char *sites_choice_name(enum sites_choice choice)
{
	static const char *const names[SITES_CHOICES] = {"auto", "direct", "entry", "both"};

	return names[choice];
}

struct proofs *proofs_new(struct proof *memory)
{
	struct proofs *proofs = calloc(1, sizeof(*proofs));

	if (!proofs)
		return NULL;
	proofs->memory = memory;
	proofs->count = 1;
	memory[0].state = PROOF_HOLDS;
	return proofs;
}

void proofs_free(struct proofs *proofs)
{
	if (!proofs)
		return;
	for (uint32_t i = 1; i < proofs->count; i++)
		free(proofs->items[i].path);
	free(proofs);
}

static struct file_state state_of(const struct allocator *allocator)
{
	struct stat status = {0};

	fstat(allocator->fd, &status);
	return (struct file_state){allocator->device, allocator->inode,
				   clock_ns_of(&status.st_ctim), (uint64_t)status.st_size};
}

static bool is_same_file(const struct file_state *a, const struct file_state *b)
{
	return a->device == b->device && a->inode == b->inode && a->changed_ns == b->changed_ns &&
	       a->bytes == b->bytes;
}

uint32_t proofs_number(struct proofs *proofs, const struct allocator *allocator,
		       const struct alloc_function *function)
{
	const struct file_state file = state_of(allocator);

	for (uint32_t i = 1; i < proofs->count; i++)
		if (proofs->items[i].function == function &&
		    is_same_file(&proofs->items[i].file, &file))
			return i;
	if (proofs->count == PROOFS)
		return 0;
	char *path = strdup(allocator->path);
	if (!path)
		return 0;
	proofs->items[proofs->count] =
		(struct proved){.file = file, .function = function, .path = path};
	return proofs->count++;
}

enum proof_state proofs_state(const struct proofs *proofs, uint32_t number)
{
	return __atomic_load_n(&proofs->memory[number].state, __ATOMIC_ACQUIRE);
}

void proofs_begin(struct proofs *proofs, uint32_t number)
{
	uint32_t waits = PROOF_WAITS;

	__atomic_compare_exchange_n(&proofs->memory[number].state, &waits, PROOF_RUNS, false,
				    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

bool proofs_entries_done(const struct proofs *proofs, uint32_t number)
{
	return proofs->items[number].done;
}

static void poll_one(struct proofs *proofs, uint32_t number, uint64_t now_ns)
{
	struct proved *proved = &proofs->items[number];

	if (proofs_state(proofs, number) != PROOF_HOLDS)
		return;
	if (!proved->held_ns)
		proved->held_ns = now_ns;
	else if (now_ns - proved->held_ns >= CALLS_END_NS)
		proved->done = true;
}

void proofs_poll(struct proofs *proofs, uint64_t now_ns)
{
	for (uint32_t i = 1; i < proofs->count; i++)
		poll_one(proofs, i, now_ns);
}

/* The worst of them: what else differs follows from it. */
static const char *name_differences(uint32_t differs)
{
	return differs & PROOF_COUNT    ? "how many calls there are"
	       : differs & PROOF_RESULT ? "which blocks they return"
	       : differs & PROOF_SIZE   ? "how large these are"
					: "who called";
}

bool proofs_next_end(struct proofs *proofs, bool all, struct proof_end *end)
{
	for (uint32_t i = 1; i < proofs->count; i++) {
		struct proved *proved = &proofs->items[i];
		const struct proof *proof = &proofs->memory[i];
		enum proof_state state = proofs_state(proofs, i);

		if (proved->told || (state < PROOF_HOLDS && !(all && proof->compared)))
			continue;
		proved->told = true;
		*end = (struct proof_end){
			.path = proved->path,
			.function = proved->function,
			.state = state,
			.compared = proof->compared,
			.differences =
				state == PROOF_FAILED ? name_differences(proof->differs) : NULL,
		};
		return true;
	}
	return false;
}
