/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One place where one thread waits: for descriptors, timers, processes and signals.
 *
 *	loop_new()
 *	loop_on_descriptor(), loop_on_timer(), loop_on_process(), loop_on_signals(): sources
 *	loop_wait(), again and again: serves one that is ready, by calling its function
 *	loop_drop() for a source that is over; loop_free() drops those that are left
 *
 * Some work cannot be left for later while something else is waited for in the middle of it: a ring
 * buffer runs over. Sources that are LOOP_ALWAYS are also served by loop_wait_for(), which waits
 * for one descriptor, as whoever needs an answer before it can go on does. What such a source calls
 * must be fit to run at any such moment: it sets aside what came, and waits for nothing. Work that
 * takes long without waiting serves them by loop_serve(), now and then.
 *
 * A function may add and drop sources, its own one too. What was dropped is not served any more.
 * The loop knows nothing of what its sources mean.
 */
#ifndef UNFREED_LOOP_H
#define UNFREED_LOOP_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct loop;
struct loop_source;

enum loop_when {
	LOOP_ALWAYS,
	LOOP_IN_TURN, /* by loop_wait() alone */
};

typedef void loop_fn(void *context);

/* NULL with errno. */
struct loop *loop_new(void);

/* Accepts NULL. */
void loop_free(struct loop *loop);

/*
 * Each returns NULL with errno. The descriptor stays the caller's, must be open until its source is
 * dropped, and is ready until what can be read was read.
 */
struct loop_source *loop_on_descriptor(struct loop *loop, int fd, enum loop_when when, loop_fn *act,
				       void *context);

/* A timer that is not set. */
struct loop_source *loop_on_timer(struct loop *loop, enum loop_when when, loop_fn *act,
				  void *context);

/* The end of a process; served once. */
struct loop_source *loop_on_process(struct loop *loop, pid_t pid, enum loop_when when, loop_fn *act,
				    void *context);

/* The caller blocks them first. */
struct loop_source *loop_on_signals(struct loop *loop, const sigset_t *signals, enum loop_when when,
				    loop_fn *act, void *context);

/* Of a timer: in so many ns, and then in each further `then_ns`; 0: never. */
void loop_set_timer(struct loop_source *timer, uint64_t first_ns, uint64_t then_ns);

/* Serves a source, or not. */
void loop_mute(struct loop_source *source, bool muted);

/* Accepts NULL. */
void loop_drop(struct loop_source *source);

/*
 * Serves one source; waits for so long for one to be ready; negative: for ever. Returns 1 where it
 * did, 0 where none was (or a signal came), or a negative errno.
 */
int loop_wait(struct loop *loop, int timeout_ms);

/* Serves one source that is LOOP_ALWAYS, if one is ready. `loop` may be NULL. */
void loop_serve(struct loop *loop);

/*
 * Serves what is ready until this moment of CLOCK_MONOTONIC; may come back earlier, as where a
 * signal was handled. `loop` may be NULL: then it sleeps.
 */
void loop_rest(struct loop *loop, uint64_t until_ns);

/*
 * Waits until a descriptor has what poll(2) calls `events`, or an error, and serves what is
 * LOOP_ALWAYS meanwhile. `loop` may be NULL. Returns 0, -ETIME at `deadline_ns` of CLOCK_MONOTONIC,
 * or another negative errno.
 */
int loop_wait_for(struct loop *loop, int fd, short events, uint64_t deadline_ns);

/* The same; -ECANCELED as soon as *given_up, which what is served
 * meanwhile may set. NULL: never. */
int loop_wait_unless(struct loop *loop, int fd, short events, uint64_t deadline_ns,
		     const bool *given_up);

#endif
