/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ground truth: programs that know what they leaked.
 *
 * Each program prepares (blocks older than any tracer), prints `ready`, waits for a line on stdin
 * so that a tracer can attach, runs its phase, prints one line of JSON with its own truth, and
 * waits for another line (or the end of stdin) before it exits. With `--exit` it waits for nothing,
 * so that it can be traced from its first allocation.
 *
 * The truth counts calls as the ledger must: a realloc that succeeds frees the old block and
 * allocates a new one of the requested size; one that fails does neither; bytes are requested
 * bytes. Nothing here allocates from the heap, and output goes through write(2), so that a C
 * program's totals are exactly its own. Where a libc allocates by itself (thread descriptors,
 * libstdc++'s emergency pool, Rust's runtime), a test looks at `by_function` alone: those blocks
 * have other leaves.
 */
#ifndef UNFREED_TRUTH_H
#define UNFREED_TRUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Keeps a function a leaf of its own: neither inlined, nor cloned, nor left by a tail call. */
#ifdef __clang__
#define TRUTH_LEAF __attribute__((noinline))
#else
#define TRUTH_LEAF __attribute__((noinline, noclone))
#endif
#define TRUTH_NO_TAIL_CALL() __asm__ volatile("" ::: "memory")

struct truth_case {
	const char *name;
	void (*prepare)(void); /* before `ready`; may be NULL */
	void (*run)(void);
};

/* Runs the case named by `--case` (the first one without it; "all": each, one after the other).
 * Returns main's status. */
int truth_main(int argc, char **argv, const struct truth_case *cases, size_t count);

/* The same in steps: what stands before truth_ready() is older than the tracer. */
void truth_init(int argc, char **argv);
void truth_ready(void);
void truth_finish(void);

/* The value of an option such as `--threads 8`, else the default. After truth_init(). */
uint64_t truth_number(const char *option, uint64_t otherwise);
const char *truth_string(const char *option, const char *otherwise);
bool truth_flag(const char *option);

/* One block allocated, or freed, that `function` (a string literal) allocated. Thread-safe. */
void truth_alloc(const char *function, size_t bytes);
void truth_free(const char *function, size_t bytes);

/* Many at once, for threads that count by themselves. */
void truth_alloc_many(const char *function, uint64_t bytes, uint64_t blocks);
void truth_free_many(const char *function, uint64_t bytes, uint64_t blocks);

/* A block allocated before `ready`, and one of those freed after it. */
void truth_older(size_t bytes);
void truth_older_freed(size_t bytes);

/* A number of the program's own in the JSON line. `name` is a string literal. */
void truth_note(const char *name, uint64_t value);

/* Of the monotonic clock. */
uint64_t truth_now_ns(void);

/* Ends the program with a message and status 1. */
void truth_die(const char *what) __attribute__((noreturn));

/* Writes one line to stdout; waits for one line, or the end, of stdin. */
void truth_say(const char *line);
void truth_wait_line(void);

#ifdef __cplusplus
}
#endif

#endif
