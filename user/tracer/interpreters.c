/* SPDX-License-Identifier: BSD-2-Clause */
#include "interpreters.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>

#include "../lib/array.h"
#include "../evidence/sources.h"
#include "../lib/clock.h"
#include "../python/coverage.h"
#include "../python/steer.h"
#include "interpreter_files.h"

enum {
	TRIES_MAX = 30, /* of a process that may be starting */
	TRY_PAUSE_NS = 100000000,
	STOP_TRIES = 20,
	STOP_PAUSE_NS = 50000000,
};

struct interpreter {
	struct image *image; /* the collector's, which outlives this */
	pid_t probed;
	unsigned int tries; /* left; 0: it is settled what it is */
	uint64_t next_try_ns;
	struct failure why;         /* of the last try */
	bool ready;                 /* the rest is filled */
	struct installed installed; /* for this process alone */
	char version[16];
	struct python_slots slots;
	struct python_plan plan;
	bool steered;
	struct steering steering;
	bool has_counters;
	struct python_counters counters;
	uint64_t old_frees_before;
};

struct interpreters {
	struct interpreters_config config;
	struct interpreter **items;
	size_t count;
	struct interpreter_files files;
	bool started;
};

struct interpreters *interpreters_new(const struct interpreters_config *config)
{
	struct interpreters *interpreters = calloc(1, sizeof(*interpreters));

	if (interpreters)
		interpreters->config = *config;
	return interpreters;
}

void interpreters_free(struct interpreters *interpreters)
{
	if (!interpreters)
		return;
	interpreters_stop(interpreters);
	for (size_t i = 0; i < interpreters->count; i++) {
		installed_release(&interpreters->items[i]->installed);
		free(interpreters->items[i]);
	}
	free(interpreters->items);
	interpreter_files_release(&interpreters->files);
	free(interpreters);
}

static struct interpreter *find(const struct interpreters *interpreters, const struct image *image)
{
	for (size_t i = interpreters->count; i-- > 0;)
		if (interpreters->items[i]->image == image)
			return interpreters->items[i];
	return NULL;
}

static struct interpreter *add(struct interpreters *interpreters, struct image *image, pid_t probed)
{
	struct interpreter *interpreter = calloc(1, sizeof(*interpreter));

	if (!interpreter)
		return NULL;
	interpreter->image = image;
	interpreter->probed = probed;
	interpreter->tries = TRIES_MAX;
	if (array_append(&interpreters->items, &interpreters->count, interpreter))
		return interpreter;
	free(interpreter);
	return NULL;
}

static const struct python_interpreter *facts_of(const struct interpreter *interpreter)
{
	return python_target_interpreter(interpreter->image->python);
}

/* A member of the same family that has been through all this. */
static const struct interpreter *find_relative(const struct interpreters *interpreters,
					       const struct interpreter *interpreter)
{
	for (size_t i = 0; i < interpreters->count; i++) {
		const struct interpreter *other = interpreters->items[i];

		if (other->ready &&
		    python_target_related(other->image->python, interpreter->image->python))
			return other;
	}
	return NULL;
}

static int make_plan(struct interpreters *interpreters, struct interpreter *interpreter,
		     struct failure *failure)
{
	const struct interpreter *relative = find_relative(interpreters, interpreter);
	const struct python_interpreter *facts = facts_of(interpreter);
	const struct reason_words words = {.pid = (int)interpreter->image->pid,
					   .version = interpreter->version};
	struct python_terms terms = interpreters->config.terms;
	bool found;

	python_version_name(facts->layout.version, interpreter->version);
	interpreter->has_counters = !python_counters_find(facts, &interpreter->counters);
	terms.frees_read &=
		interpreter->has_counters && python_pools_are_listed(facts, &interpreter->counters);
	if (relative) {
		interpreter->slots = relative->slots;
		interpreter->plan = relative->plan;
		interpreter->plan.steered = REASON_NONE; /* was said of the relative */
		return 0;
	}
	found = !python_slots_read(facts, &interpreter->image->mappings, &interpreter->slots);
	return reason_fail(plan_python(&interpreter->plan, &evidence_sources,
				       found ? &interpreter->slots : NULL, &terms),
			   &words, failure);
}

/* Tells the programs how to walk the Python frames of this process. */
static int publish(struct interpreters *interpreters, const struct interpreter *interpreter)
{
	const struct python_interpreter *facts = facts_of(interpreter);
	const struct binary_symbol *eval = &facts->symbols[SYMBOL_EVAL_LOOP];
	const struct python_space space = {
		.process = facts->process,
		.code_type = facts->types.code,
		.eval_start = eval->address,
		.eval_bytes = eval->address && !interpreters->config.native ? eval->size : 0,
		.pool_bytes = facts->layout.pool_bytes,
	};
	uint32_t key = interpreter->image->space;
	int error = bpf_map_update_elem(interpreters->config.spaces_fd, &key, &space, BPF_NOEXIST);

	if (error && error != -EEXIST)
		return error;
	*interpreters->config.used = 1;
	return 0;
}

static uint64_t read_old_frees(const struct interpreters *interpreters,
			       const struct interpreter *interpreter)
{
	struct python_space space = {0};
	uint32_t key = interpreter->image->space;

	if (bpf_map_lookup_elem(interpreters->config.spaces_fd, &key, &space))
		return 0;
	return space.unknown_frees;
}

static bool is_by_pools(const struct interpreter *interpreter)
{
	return interpreter->plan.source && interpreter->plan.source->by_pools;
}

/* Blocks as the interpreter counts them; *count: where pools are seen, those that lie in them. */
static int count_blocks(const struct interpreter *interpreter, struct python_blocks *blocks,
			uint64_t *count)
{
	int error = -ENOENT;

	if (interpreter->has_counters)
		error = python_blocks_read(facts_of(interpreter), &interpreter->counters, blocks);
	if (!error)
		*count = is_by_pools(interpreter) ? blocks->pool_blocks : blocks->blocks;
	return error;
}

static void begin_count(struct interpreters *interpreters, struct interpreter *interpreter)
{
	struct python_account *account = &interpreter->image->account;

	account->counted = !count_blocks(interpreter, &account->first, &account->before);
	account->now = account->before;
	interpreter->old_frees_before = read_old_frees(interpreters, interpreter);
}

/* Where there are none calls are seen at entry and return. */
static void find_direct(const struct interpreters *interpreters,
			const struct interpreter *interpreter, struct allocator *allocator)
{
	ssize_t count;

	if (!interpreter->plan.source->every_block ||
	    interpreters->config.programs->sites == SITES_ENTRY)
		return;
	count = python_direct_sites(facts_of(interpreter), &interpreter->image->mappings,
				    &interpreter->slots, &allocator->direct_sites);
	allocator->direct_count = count > 0 ? (size_t)count : 0;
}

/* Where frees are read no program is to see them. Returns how many sites are left. */
static size_t leave_frees_out(struct site *sites, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (PROBE_COOKIE_OP(sites[i].cookie) == PROBE_FREE)
			continue;
		sites[kept] = sites[i];
		sites[kept++].cookie |= PROBE_FREES_UNSEEN;
	}
	return kept;
}

static int install(struct interpreters *interpreters, struct interpreter *interpreter)
{
	const struct source *source = interpreter->plan.source;
	const struct python_interpreter *facts = facts_of(interpreter);
	struct interpreter_file probed = {facts->binary.inode, facts->binary.device, source, {0}};
	struct site sites[SOURCE_SITES_MAX];
	struct allocator allocator = {
		.path = facts->binary.path,
		.kind = "pymalloc",
		.fd = facts->binary.fd,
		.device = facts->binary.device,
		.inode = facts->binary.inode,
		.entry_sites = sites,
	};
	int error;

	if (!source)
		return 0;
	allocator.entry_count =
		source->find_sites(&interpreter->slots, facts->layout.pool_bytes, sites);
	if (!allocator.entry_count ||
	    (!interpreter->probed && interpreter_files_has(&interpreters->files, &probed)))
		return 0;
	find_direct(interpreters, interpreter, &allocator);
	if (interpreter->plan.frees_read) {
		allocator.entry_count = leave_frees_out(sites, allocator.entry_count);
		allocator.direct_count =
			leave_frees_out(allocator.direct_sites, allocator.direct_count);
	}
	error = allocator_install(interpreters->config.keeper, interpreters->config.programs,
				  interpreter->probed, &allocator, &probed.installed);
	free(allocator.direct_sites);
	if (error)
		return error;
	if (interpreter->probed)
		interpreter->installed = probed.installed;
	else
		interpreter_files_add(&interpreters->files, &probed);
	return 0;
}

/* What happened to an interpreter. `what` has the rest. */
static void tell(const struct interpreters *interpreters, const struct interpreter *interpreter,
		 struct event what)
{
	what.pid = (int)interpreter->image->pid;
	what.version = interpreter->version;
	event_tell(interpreters->config.listener, &what);
}

/* A child of a process that is steered is so from its first moment. */
static void tell_steered(const struct interpreters *interpreters,
			 const struct interpreter *interpreter)
{
	size_t found = steering_found(&interpreter->steering);
	enum event_kind kind = find_relative(interpreters, interpreter) ? EVENT_STEERED_ALREADY
									: EVENT_STEERING_TAKEN_OVER;

	if (found)
		tell(interpreters, interpreter, (struct event){.kind = kind, .count = found});
	if (found < STEERING_CELLS)
		tell(interpreters, interpreter,
		     (struct event){.kind = EVENT_STEERING, .count = STEERING_CELLS - found});
}

static int steer(struct interpreters *interpreters, struct interpreter *interpreter,
		 struct failure *failure)
{
	int error = steering_start(interpreters->config.procfs, facts_of(interpreter),
				   &interpreter->slots, &interpreter->steering, failure);

	if (error)
		return error;
	interpreter->steered = true;
	tell_steered(interpreters, interpreter);
	return 0;
}

static int take_slots(struct interpreters *interpreters, struct interpreter *interpreter,
		      struct failure *failure)
{
	const struct reason_words words = {.pid = (int)interpreter->image->pid,
					   .version = interpreter->version};

	if (interpreter->plan.steer)
		return steer(interpreters, interpreter, failure);
	if (interpreter->plan.steered != REASON_NONE)
		tell(interpreters, interpreter,
		     (struct event){.kind = EVENT_REASON,
				    .reason = interpreter->plan.steered,
				    .words = &words});
	return 0;
}

static void settle(struct interpreters *interpreters, struct interpreter *interpreter)
{
	struct python_account *account = &interpreter->image->account;

	interpreter->ready = true;
	account->mode = python_plan_name(&interpreter->plan, &interpreter->slots);
	account->version = interpreter->version;
	account->frames_alone = interpreter->plan.frames_alone;
	if (is_by_pools(interpreter))
		account->pools = interpreter->slots.refill_pools;
	if (interpreters->started)
		begin_count(interpreters, interpreter);
	tell(interpreters, interpreter,
	     (struct event){.kind = EVENT_PYTHON, .mode = account->mode});
	if (interpreter->plan.notice != REASON_NONE)
		tell(interpreters, interpreter,
		     (struct event){.kind = EVENT_PYTHON_NOTE, .reason = interpreter->plan.notice});
}

static int read_frees(struct interpreters *interpreters, const struct interpreter *interpreter)
{
	return interpreter->plan.frees_read
		       ? python_frees_add(interpreters->config.frees, interpreter->image,
					  &interpreter->counters)
		       : 0;
}

/* The interpreter is known: image->python. */
static int take_up(struct interpreters *interpreters, struct interpreter *interpreter,
		   struct failure *failure)
{
	int error;

	interpreter->tries = 0;
	error = publish(interpreters, interpreter);
	if (error)
		return failure_set(failure, STATUS_KERNEL,
				   "cannot trace the Python frames of process %d: %s",
				   (int)interpreter->image->pid, strerror(-error));
	if (make_plan(interpreters, interpreter, failure))
		return -1;
	error = install(interpreters, interpreter);
	if (error)
		return failure_set(failure, STATUS_KERNEL,
				   "cannot put probes on the allocator of CPython in process %d: "
				   "%s",
				   (int)interpreter->image->pid, strerror(-error));
	if (take_slots(interpreters, interpreter, failure))
		return -1;
	error = read_frees(interpreters, interpreter);
	if (error)
		return failure_set(failure, STATUS_TARGET,
				   "cannot read the memory of process %d: %s",
				   (int)interpreter->image->pid, strerror(-error));
	settle(interpreters, interpreter);
	return 0;
}

static void tell_why(const struct interpreters *interpreters, const struct interpreter *interpreter,
		     enum event_kind kind)
{
	if (*interpreter->why.text)
		tell(interpreters, interpreter,
		     (struct event){.kind = kind, .failure = &interpreter->why});
}

static void tell_not_understood(const struct interpreters *interpreters,
				const struct interpreter *interpreter)
{
	tell_why(interpreters, interpreter,
		 interpreter->image->gone ? EVENT_PYTHON_ENDED : EVENT_PYTHON_NOT_UNDERSTOOD);
}

/* One look. What is no interpreter is settled; what is one that is not understood may be
 * starting. */
static int look(struct interpreters *interpreters, struct interpreter *interpreter,
		struct failure *failure)
{
	struct image *image = interpreter->image;
	struct failure *why = &interpreter->why;
	int error = 0;

	*why = (struct failure){.text = ""};

	if (!image->python)
		error = python_target_new(interpreters->config.procfs,
					  interpreters->config.confined, (pid_t)image->pid,
					  &image->mappings, &image->python, why);
	if (!error)
		return take_up(interpreters, interpreter, failure);
	interpreter->next_try_ns = clock_ns(CLOCK_MONOTONIC) + TRY_PAUSE_NS;
	if (error == -ENOENT || error == -ESRCH) {
		interpreter->tries = 0;
		tell_why(interpreters, interpreter, EVENT_NO_PYTHON);
		return 0;
	}
	if (error != -EINPROGRESS && --interpreter->tries == 0)
		tell_not_understood(interpreters, interpreter);
	return 0;
}

int interpreters_attach(struct interpreters *interpreters, struct image *image, pid_t probed,
			struct failure *failure)
{
	struct interpreter *interpreter;

	if (!image || interpreters->config.terms.request == PYTHON_OFF)
		return 0;
	interpreter = find(interpreters, image);
	if (interpreter && interpreter->ready)
		return 0;
	if (!interpreter)
		interpreter = add(interpreters, image, probed);
	if (!interpreter)
		return failure_set(failure, STATUS_FAILURE, "out of memory");
	interpreter->tries = TRIES_MAX;
	return look(interpreters, interpreter, failure);
}

void interpreters_forget(struct interpreters *interpreters, uint32_t space)
{
	bpf_map_delete_elem(interpreters->config.spaces_fd, &space);
}

void interpreters_retry(struct interpreters *interpreters)
{
	for (size_t i = 0; i < interpreters->count; i++) {
		struct interpreter *interpreter = interpreters->items[i];
		struct failure failure;

		if (!interpreter->tries || interpreter->image->gone ||
		    clock_ns(CLOCK_MONOTONIC) < interpreter->next_try_ns)
			continue;
		if (look(interpreters, interpreter, &failure))
			tell(interpreters, interpreter,
			     (struct event){.kind = EVENT_NOT_ATTACHED, .failure = &failure});
	}
}

void interpreters_settle_sites(struct interpreters *interpreters)
{
	const struct interpreters_config *config = &interpreters->config;

	for (size_t i = 0; i < interpreters->count; i++)
		installed_settle(&interpreters->items[i]->installed, config->keeper,
				 config->programs->proofs);
	for (size_t i = 0; i < interpreters->files.count; i++)
		installed_settle(&interpreters->files.items[i].installed, config->keeper,
				 config->programs->proofs);
}

bool interpreters_exact(const struct interpreters *interpreters, enum site_kind *costliest)
{
	bool exact = false;

	*costliest = SITE_EMULATED;
	for (size_t i = 0; i < interpreters->count; i++) {
		const struct interpreter *interpreter = interpreters->items[i];

		if (!interpreter->ready || !interpreter->plan.source ||
		    !interpreter->plan.source->every_block)
			continue;
		exact = true;
		if (interpreter->plan.costliest > *costliest)
			*costliest = interpreter->plan.costliest;
	}
	return exact;
}

bool interpreters_see(const struct interpreters *interpreters, pid_t pid)
{
	for (size_t i = 0; i < interpreters->count; i++) {
		const struct interpreter *interpreter = interpreters->items[i];

		if ((pid_t)interpreter->image->pid == pid && interpreter->ready)
			return interpreter->plan.source != NULL;
	}
	return false;
}

void interpreters_start(struct interpreters *interpreters)
{
	interpreters->started = true;
	for (size_t i = 0; i < interpreters->count; i++)
		if (interpreters->items[i]->ready)
			begin_count(interpreters, interpreters->items[i]);
}

void interpreters_measure(struct interpreters *interpreters)
{
	for (size_t i = 0; i < interpreters->count; i++) {
		struct interpreter *interpreter = interpreters->items[i];
		struct python_account *account = &interpreter->image->account;

		account->last_known = false;
		if (!interpreter->ready || !account->counted || interpreter->image->gone)
			continue;
		account->last_known = !count_blocks(interpreter, &account->last, &account->now);
		if (account->last_known)
			account->old_frees = read_old_frees(interpreters, interpreter) -
					     interpreter->old_frees_before;
	}
}

/* A thread that waits in the kernel cannot be stopped for the write: a moment later it may. */
static void unsteer(const struct interpreters *interpreters, struct interpreter *interpreter)
{
	const struct timespec pause = {.tv_nsec = STOP_PAUSE_NS};
	int error = -EAGAIN;

	for (int i = 0; i < STOP_TRIES && error; i++) {
		if (i)
			nanosleep(&pause, NULL);
		error = steering_stop(&interpreter->steering);
	}
	interpreter->steered = false;
	if (!error)
		return;
	steering_abandon(&interpreter->steering);
	tell(interpreters, interpreter,
	     (struct event){.kind = EVENT_STAYS_STEERED, .error = error});
}

void interpreters_stop(struct interpreters *interpreters)
{
	for (size_t i = 0; i < interpreters->count; i++) {
		struct interpreter *interpreter = interpreters->items[i];

		if (interpreter->steered)
			unsteer(interpreters, interpreter);
		if (interpreter->tries)
			tell_not_understood(interpreters, interpreter);
		interpreter->tries = 0;
	}
}

static bool is_in_use(void *context, const struct interpreter_file *file)
{
	const struct interpreters *interpreters = context;

	for (size_t i = 0; i < interpreters->count; i++) {
		const struct interpreter *interpreter = interpreters->items[i];

		if (interpreter->ready && facts_of(interpreter)->binary.inode == file->inode &&
		    facts_of(interpreter)->binary.device == file->device)
			return true;
	}
	return false;
}

void interpreters_remove(struct interpreters *interpreters, const struct image *image)
{
	struct interpreter *interpreter = image ? find(interpreters, image) : NULL;
	size_t kept = 0;

	if (!interpreter)
		return;
	if (interpreter->steered)
		unsteer(interpreters, interpreter);
	installed_remove(&interpreter->installed, interpreters->config.keeper);
	interpreters_forget(interpreters, image->space);
	for (size_t i = 0; i < interpreters->count; i++)
		if (interpreters->items[i] != interpreter)
			interpreters->items[kept++] = interpreters->items[i];
	interpreters->count = kept;
	free(interpreter);
	interpreter_files_evict(&interpreters->files, interpreters->config.keeper, is_in_use,
				interpreters);
}
