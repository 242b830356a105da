/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The allocators of a live interpreter: which functions stand in the slots of its three domains,
 * what they are, and what a probe on them sees.
 *
 * Builds with link-time optimisation copy pymalloc's fast path into every caller, behind a test
 * whether the slot holds pymalloc; then a probe on the function sees but a part of the calls, and
 * the slot must be steered (steer.h) for it to see all.
 */
#ifndef UNFREED_PYTHON_ALLOCATOR_SLOTS_H
#define UNFREED_PYTHON_ALLOCATOR_SLOTS_H

#include "../allocators/sites.h"
#include "interpreter.h"

enum python_domain { PYTHON_RAW, PYTHON_MEM, PYTHON_OBJ, PYTHON_DOMAINS };

enum python_call { CALL_MALLOC, CALL_CALLOC, CALL_REALLOC, CALL_FREE, CALLS };

enum python_backend {
	BACKEND_UNKNOWN,  /* set by an extension module, or not understood */
	BACKEND_PYMALLOC, /* the default */
	BACKEND_SYSTEM,   /* PYTHONMALLOC=malloc: the C library's probes see everything */
	BACKEND_MIMALLOC,
};

enum python_hook {
	HOOK_NONE,
	HOOK_DEBUG,       /* PYTHONMALLOC=debug, python -X dev: blocks are larger than asked for */
	HOOK_TRACEMALLOC, /* tracemalloc is running */
	HOOK_UNKNOWN,
};

struct python_slot {
	uint64_t address; /* {ctx, malloc, calloc, realloc, free} */
	uint64_t context;
	uint64_t functions[CALLS];
};

/* A function of the backend. */
struct python_function {
	uint64_t address;
	uint64_t alias;      /* another address of the same code; 0: none */
	bool alias_atomic;   /* differs from `address` in one byte */
	bool steered;        /* both slots hold the alias already */
	uint32_t references; /* places in the code that name `address`: tests of inlined copies */
	struct site site;    /* sees every call that gets here */
	struct site alias_site; /* sees only what comes through the alias; cheaper ... */
	bool has_alias_site;    /* ... where there is one */
};

struct python_slots {
	struct python_slot slots[PYTHON_DOMAINS];
	enum python_backend backend; /* of mem and obj */
	enum python_hook hook;
	struct python_function functions[CALLS]; /* of mem and obj; pymalloc alone */
	bool inlined;
	uint64_t refill;         /* allocate_from_new_pool, in 3.8 what maps arenas; 0: not found */
	uint32_t refill_pools;   /* that it takes into use: 1, 64 in an arena */
	struct site refill_site; /* its result is a block of the pool, or the arena */
};

const char *python_backend_name(enum python_backend backend);
const char *python_hook_name(enum python_hook hook);

/*
 * Reads and classifies; a backend whose functions could not be looked into is unknown. Returns 0,
 * or -ENOENT where the slots could not be found.
 */
int python_slots_read(const struct python_interpreter *interpreter, const struct mappings *mappings,
		      struct python_slots *slots);

/* Where the probe goes, given whether the slots are (going to be) steered. */
const struct site *python_function_site(const struct python_function *function, bool steered);

/*
 * The direct sites (allocators/direct.h) of the backend's malloc, in *sites, malloc'd. Returns how
 * many there are, 0 where it has none, or a negative errno.
 */
ssize_t python_direct_sites(const struct python_interpreter *interpreter,
			    const struct mappings *mappings, const struct python_slots *slots,
			    struct site **sites);

#endif
