/* SPDX-License-Identifier: BSD-2-Clause */
#include "watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/clock.h"
#include "watch_program.h"
#include "watch_trial.h"
#include "watchpoints.h"
#include "writers.h"

enum { PAUSE_LEAST_NS = 1000000, PAUSE_MOST_NS = 50000000, LIMITS_NS = 50000000 };

/* CPython from 3.12 on has flags in the upper half of a reference count, or counts in 32 bits. */
#define REFCOUNT_BITS 0xffffffffull

struct word_watch {
	enum watch_end end;
	uint64_t ended_ns;
	uint64_t seen_hits;    /* as of the last poll */
	int64_t missed_before; /* writes less hits, as of the beginning */
	uint64_t lost;         /* as of the end */
};

struct watch {
	pid_t pid;
	int memory; /* of the process's image: it ends with that */
	struct watch_config config;
	struct watch_program *program;
	struct watchpoints *points;
	struct writers *writers;
	struct word_watch words[WATCH_WORDS];
	uint64_t armed_ns;
	struct loop_source *limits; /* a timer; NULL: there is no loop */
};

static uint64_t load(const __u64 *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static bool walks_native(const struct watch *watch)
{
	const struct watch_config *config = &watch->config;

	return config->confined && (!config->python || config->native_inward);
}

static struct watch_program_config program_config(const struct watch *watch)
{
	const struct watch_config *config = &watch->config;

	return (struct watch_program_config){
		.python = config->python,
		.walks_native = walks_native(watch),
		.only_pid = config->follow_forks ? (uint32_t)watch->pid : 0,
	};
}

static struct watch_word_state *word_state(const struct watch *watch, size_t word)
{
	return &watch->program->words[word];
}

static uint32_t word_bytes(const struct watch_word *word)
{
	return word->bytes ? word->bytes : 8;
}

static uint64_t word_mask(const struct watch_config *config, const struct watch_word *word)
{
	if (word->kind == WATCH_REFCOUNT && config->python &&
	    config->python->layout.version >= PYTHON_VERSION(3, 12))
		return REFCOUNT_BITS;
	return ~0ull;
}

static void describe_words(struct watch *watch)
{
	const struct watch_config *config = &watch->config;

	for (size_t i = 0; i < config->word_count; i++) {
		struct watch_word_state *state = word_state(watch, i);

		state->address = config->words[i].address;
		state->mask = word_mask(config, &config->words[i]);
		state->bytes = word_bytes(&config->words[i]);
		state->is_slot = config->words[i].kind == WATCH_SLOT;
		state->python = config->python != NULL;
		state->last = WATCH_UNKNOWN;
	}
}

/*
 * What the words hold before the first hit. Where a thread writes in between the value behind its
 * write is there already, and stays.
 */
static int read_words(struct watch *watch)
{
	for (size_t i = 0; i < watch->config.word_count; i++) {
		struct watch_word_state *state = word_state(watch, i);
		__u64 unknown = WATCH_UNKNOWN;
		uint64_t value = 0;
		int error = memory_read_from(watch->memory, state->address, &value, state->bytes);

		if (error)
			return error;
		__atomic_compare_exchange_n(&state->last, &unknown, value & state->mask, false,
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	}
	return 0;
}

static int open_points(struct watch *watch, struct failure *failure)
{
	struct watchpoint_word words[WATCH_WORDS];
	const struct watchpoints_config config = {
		.procfs = watch->config.procfs,
		.pid = watch->pid,
		.follow_forks = watch->config.follow_forks,
		.words = words,
		.count = watch->config.word_count,
		.program_fd = watch->program->fd,
	};

	for (size_t i = 0; i < config.count; i++)
		words[i] = (struct watchpoint_word){watch->config.words[i].address,
						    word_bytes(&watch->config.words[i])};
	watch->points = watchpoints_open(&config, failure);
	return watch->points ? 0 : -1;
}

static int open_writers(struct watch *watch)
{
	const struct writers_config config = {
		.procfs = watch->config.procfs,
		.confined = watch->config.confined,
		.python = watch->config.python,
		.pid = watch->pid,
		.stacks = watch->program->stacks,
		.unwind_memory = walks_native(watch) ? &watch->program->unwind : NULL,
	};

	watch->writers = writers_new(&config);
	return watch->writers ? 0 : -errno;
}

/* An address beyond the user's half would be one of the kernel's. */
static int check_words(const struct watch_config *config, struct failure *failure)
{
	if (!config->word_count || config->word_count > WATCH_WORDS)
		return failure_set(failure, STATUS_USAGE, "can watch 1 to %d words at a time",
				   WATCH_WORDS);
	for (size_t i = 0; i < config->word_count; i++) {
		uint64_t address = config->words[i].address;
		uint32_t bytes = word_bytes(&config->words[i]);

		if (bytes > 8 || bytes & (bytes - 1) || address % bytes || !address ||
		    address >> 56)
			return failure_set(failure, STATUS_USAGE,
					   "cannot watch %u bytes at 0x%llx: only 1, 2, 4 or 8, at "
					   "a multiple of that",
					   bytes, (unsigned long long)address);
		for (size_t k = 0; k < i; k++)
			if (config->words[k].address == address)
				return failure_set(failure, STATUS_USAGE,
						   "0x%llx is to be watched twice",
						   (unsigned long long)address);
	}
	return 0;
}

/* Writes that are under way in other threads may count on one side alone. */
static int64_t count_missed(const struct watch *watch, size_t word)
{
	uint64_t hits = load(&word_state(watch, word)->hits);

	return (int64_t)(watchpoints_writes(watch->points, word) - hits);
}

static uint64_t count_lost(const struct watch *watch, size_t word)
{
	int64_t missed = count_missed(watch, word) - watch->words[word].missed_before;

	return missed > 0 ? (uint64_t)missed : 0;
}

/*
 * Counts from here on. A write whose hit was still under way when the words were read would seem to
 * change nothing: it is waited for.
 */
static void begin_counting(struct watch *watch)
{
	unwind_wait_for_programs(NULL);
	for (size_t i = 0; i < watch->config.word_count; i++) {
		watch->words[i].missed_before = count_missed(watch, i);
		__atomic_store_n(&word_state(watch, i)->armed, 1, __ATOMIC_SEQ_CST);
	}
	watch->armed_ns = clock_ns(CLOCK_MONOTONIC);
}

static int arm(struct watch *watch, struct failure *failure)
{
	int error;

	describe_words(watch);
	if (open_points(watch, failure))
		return -1;
	error = read_words(watch);
	if (error)
		return failure_set(failure, STATUS_TARGET,
				   "cannot read a word to be watched of process %d: %s",
				   (int)watch->pid, strerror(-error));
	begin_counting(watch);
	return 0;
}

static int take_program(struct watch *watch, struct failure *failure)
{
	const struct watch_program_config config = program_config(watch);

	watch->program = watch_program_take(watch->config.programs, &config);
	if (!watch->program)
		return failure_set(failure, STATUS_KERNEL, "cannot load the BPF programs: %s%s",
				   strerror(errno), errno == EPERM ? "; run as root" : "");
	if (watch->program->trap_ns)
		return 0;
	return watch_try(word_state(watch, WATCH_SELF), watch->program->fd,
			 &watch->program->trap_ns, failure);
}

static int prepare(struct watch *watch, struct failure *failure)
{
	watch->memory = memory_open(watch->pid);
	if (watch->memory < 0)
		return failure_set(failure, STATUS_TARGET, "cannot read process %d: %s",
				   (int)watch->pid, strerror(-watch->memory));
	if (take_program(watch, failure))
		return -1;
	if (open_writers(watch))
		return failure_set(failure, STATUS_FAILURE, "out of memory");
	return 0;
}

static void end_what_reached(void *watch);

/* A file may take long to be read, and a word may be written a million times meanwhile. */
static int keep_limits(struct watch *watch, struct failure *failure)
{
	if (!watch->config.loop)
		return 0;
	watch->limits = loop_on_timer(watch->config.loop, LOOP_ALWAYS, end_what_reached, watch);
	if (!watch->limits)
		return failure_set(failure, STATUS_FAILURE, "cannot set timers: %s",
				   strerror(errno));
	loop_set_timer(watch->limits, LIMITS_NS, LIMITS_NS);
	return 0;
}

static void set_limits(struct watch_limits *limits)
{
	if (!limits->growths)
		limits->growths = WATCH_GROWTHS_LIMIT;
	if (!limits->hits)
		limits->hits = WATCH_HITS_LIMIT;
	if (!limits->cost_ns)
		limits->cost_ns = UINT64_MAX;
}

struct watch *watch_open(pid_t pid, const struct watch_config *config, struct failure *failure)
{
	struct watch *watch;

	if (check_words(config, failure))
		return NULL;
	watch = calloc(1, sizeof(*watch));
	if (!watch) {
		failure_set(failure, STATUS_FAILURE, "out of memory");
		return NULL;
	}
	watch->pid = pid;
	watch->memory = -1;
	watch->config = *config;
	set_limits(&watch->config.limits);
	if (!prepare(watch, failure) && !arm(watch, failure) && !keep_limits(watch, failure))
		return watch;
	watch_close(watch);
	return NULL;
}

/* A hit between the opening of the points and this has told the value already. */
static int tell_values(struct watch *watch, pid_t pid)
{
	int memory = memory_open(pid), error = memory < 0 ? memory : 0;

	for (size_t i = 0; i < watch->config.word_count && !error; i++) {
		const struct watch_word_state *state = word_state(watch, i);
		uint64_t value = 0;

		error = memory_read_from(memory, state->address, &value, state->bytes);
		if (!error)
			watch_program_set_value(watch->program, pid, (uint32_t)i,
						value & state->mask);
	}
	if (memory >= 0)
		close(memory);
	return error;
}

int watch_add_fork(struct watch *watch, pid_t pid)
{
	int error = watchpoints_add(watch->points, pid);

	return error ? error : tell_values(watch, pid);
}

void watch_close(struct watch *watch)
{
	if (!watch)
		return;
	loop_drop(watch->limits);
	watchpoints_close(watch->points);
	writers_free(watch->writers);
	watch_program_give(watch->config.programs, watch->program);
	if (watch->memory >= 0)
		close(watch->memory);
	free(watch);
}

static uint64_t cost_ns(const struct watch *watch, size_t word)
{
	const struct watch_word_state *state = word_state(watch, word);

	return load(&state->hits) * watch->program->trap_ns + load(&state->program_ns);
}

/* See struct watch_limits. */
static int64_t growths(const struct watch *watch, size_t word)
{
	const struct watch_word_state *state = word_state(watch, word);

	switch (watch->config.words[word].kind) {
	case WATCH_SLOT:
		return (int64_t)load(&state->changes[WATCH_REPLACED]);
	case WATCH_REFCOUNT:
		return (int64_t)load((const __u64 *)&state->net);
	default:
		return (int64_t)(load(&state->changes[WATCH_GREW]) -
				 load(&state->changes[WATCH_SHRANK]));
	}
}

static enum watch_end reached(const struct watch *watch, size_t word)
{
	const struct watch_limits *limits = &watch->config.limits;

	if (growths(watch, word) >= (int64_t)limits->growths)
		return WATCH_END_GROWTHS;
	if (load(&word_state(watch, word)->hits) >= limits->hits)
		return WATCH_END_HITS;
	return cost_ns(watch, word) >= limits->cost_ns ? WATCH_END_COST : WATCH_ON;
}

/* The threads are let go one by one, and writes that no longer hit belong to no line. */
static void end_word(struct watch *watch, size_t word, enum watch_end end)
{
	struct word_watch *ended = &watch->words[word];

	if (word >= watch->config.word_count || ended->end != WATCH_ON)
		return;
	__atomic_store_n(&word_state(watch, word)->armed, 0, __ATOMIC_SEQ_CST);
	ended->end = end;
	ended->ended_ns = clock_ns(CLOCK_MONOTONIC);
	watchpoints_remove(watch->points, word);
	ended->lost = count_lost(watch, word);
}

void watch_stop_all(struct watch *watch)
{
	for (size_t word = 0; word < watch->config.word_count; word++)
		end_word(watch, word, WATCH_END_STOPPED);
}

size_t watch_armed(const struct watch *watch)
{
	size_t count = 0;

	for (size_t word = 0; word < watch->config.word_count; word++)
		count += watch->words[word].end == WATCH_ON;
	return count;
}

static void end_what_reached(void *context)
{
	struct watch *watch = context;

	for (size_t word = 0; word < watch->config.word_count; word++) {
		enum watch_end end = reached(watch, word);

		if (end != WATCH_ON)
			end_word(watch, word, end);
	}
}

static uint64_t poll_word(struct watch *watch, size_t word)
{
	struct word_watch *polled = &watch->words[word];
	uint64_t hits = load(&word_state(watch, word)->hits), seen = polled->seen_hits;

	polled->seen_hits = hits;
	return hits - seen;
}

/* Nothing is mapped there, which only a live image can say. */
static bool is_gone(const struct watch *watch)
{
	uint8_t byte;

	return memory_read_from(watch->memory, 0, &byte, sizeof(byte)) == -ESRCH;
}

static void end_gone(struct watch *watch)
{
	for (size_t word = 0; word < watch->config.word_count; word++)
		end_word(watch, word, WATCH_END_GONE);
}

uint64_t watch_poll(struct watch *watch)
{
	uint64_t hits = 0;

	end_what_reached(watch);
	for (size_t word = 0; word < watch->config.word_count; word++)
		hits += poll_word(watch, word);
	writers_take(watch->writers,
		     __atomic_load_n(watch->program->stacks_used, __ATOMIC_RELAXED));
	if (!hits && is_gone(watch))
		end_gone(watch);
	return hits;
}

static bool goes_on(const struct watch *watch)
{
	const bool *interrupted = watch->config.interrupted;

	return watch_armed(watch) && !(interrupted && *interrupted);
}

void watch_run(struct watch *watch, double seconds)
{
	uint64_t until_ns = clock_ns(CLOCK_MONOTONIC) + (uint64_t)(seconds * 1e9);
	uint64_t wait_ns = PAUSE_LEAST_NS, now_ns;

	watch_poll(watch);
	while (goes_on(watch) && (now_ns = clock_ns(CLOCK_MONOTONIC)) < until_ns) {
		uint64_t left_ns = until_ns - now_ns;

		loop_rest(watch->config.loop, now_ns + (wait_ns < left_ns ? wait_ns : left_ns));
		if (watch_poll(watch))
			wait_ns = PAUSE_LEAST_NS;
		else
			wait_ns = wait_ns * 2 < PAUSE_MOST_NS ? wait_ns * 2 : PAUSE_MOST_NS;
	}
}

uint64_t watch_trap_ns(const struct watch *watch)
{
	return watch->program->trap_ns;
}

size_t watch_threads(const struct watch *watch)
{
	return watchpoints_threads(watch->points);
}

static void fill_counts(const struct watch_word_state *state, struct watch_result *result)
{
	result->grew = load(&state->changes[WATCH_GREW]);
	result->shrank = load(&state->changes[WATCH_SHRANK]);
	result->same = load(&state->changes[WATCH_SAME]);
	result->replaced = load(&state->changes[WATCH_REPLACED]);
	result->unsure = load(&state->unsure);
	result->net = (int64_t)load((const __u64 *)&state->net);
	result->value = load(&state->last);
	result->unread = load(&state->unread);
	result->stackless = load(&state->stackless);
	result->hits = load(&state->hits);
}

int watch_result(struct watch *watch, size_t word, struct watch_result *result)
{
	const struct word_watch *watched = &watch->words[word];
	bool on = watched->end == WATCH_ON;

	*result = (struct watch_result){.end = watched->end};
	result->lost = on ? count_lost(watch, word) : watched->lost;
	fill_counts(word_state(watch, word), result);
	result->watched_s =
		(double)((on ? clock_ns(CLOCK_MONOTONIC) : watched->ended_ns) - watch->armed_ns) /
		1e9;
	result->cost_s = (double)cost_ns(watch, word) / 1e9;
	return writers_list(watch->writers, word, watch->config.words[word].kind == WATCH_REFCOUNT,
			    &result->writers, &result->writer_count);
}

void watch_result_release(struct watch_result *result)
{
	free(result->writers);
	result->writers = NULL;
	result->writer_count = 0;
}
