/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Functions that run in a process with nothing to lose.
 *
 * A target's files are hostile, and what reads them (ELF, DWARF, unwind tables, machine code,
 * demangling) is too much code to be trusted with root. It is called through here: a forked
 * process without capabilities and without root gets an open descriptor and a few bytes, and
 * answers with bytes that the caller believes no more than the file itself. A call that
 * crashes or hangs costs what it should have found; the next one gets a fresh process, as
 * clean as the first one (zygote.h).
 *
 * What files are read for are the needs. Each has a process of its own, from its first call on, and
 * an account of its own of how long answers are waited for (patience.h): a file whose names take
 * for ever has its unwind table all the same. What a need means is its callers' business. An answer
 * that nobody waits for (confined_wait_until()) has a process to itself until it is there.
 */
#ifndef UNFREED_CONFINED_H
#define UNFREED_CONFINED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/loop.h"

#define CONFINED_INPUT_MAX  (64u << 10)
#define CONFINED_ANSWER_MAX (320u << 20)

struct confined;

enum confined_need {
	CONFINED_SITES,       /* allocation functions, and where probes are cheap in them */
	CONFINED_TABLES,      /* how to unwind */
	CONFINED_NAMES,       /* functions, files and lines, from what is on this machine */
	CONFINED_DEBUGINFOD,  /* the same where the network may be asked */
	CONFINED_INTERPRETER, /* CPython's binaries */
	CONFINED_DATA,        /* variables and classes */
	CONFINED_NEEDS,
};

struct confined_answer {
	void *data; /* malloc'd */
	size_t length;
};

/*
 * Runs in the confined process, where static variables live from call to call. The descriptor stays
 * the caller's. Returns 0 with the answer filled, or a negative errno.
 */
typedef int confined_fn(int fd, const void *input, size_t length, struct confined_answer *answer);

/* Of the function: an answer that is a copy of `length` bytes. Returns 0 or -ENOMEM. */
int confined_answer_copy(struct confined_answer *answer, const void *data, size_t length);

/* How long an answer is waited for where the caller can go on without:
 * see confined_wait_until(). */
enum confined_wait {
	CONFINED_WAIT,       /* it cannot */
	CONFINED_WAIT_FIRST, /* until the moment, when it is asked for the first time; */
	CONFINED_WAIT_AGAIN, /* each time */
	CONFINED_WAIT_NOT,
};

struct confined_call {
	enum confined_need need;
	confined_fn *function;
	int fd; /* a regular file, open for reading */
	const void *input;
	size_t length; /* at most CONFINED_INPUT_MAX */
	/* For answers that much hangs on: by a process that has read no other file. */
	bool alone;
	/* The answer hangs on the file and the input alone: it is kept, and the same call about
	 * a file that did not change is not made again. */
	bool keep;
	enum confined_wait wait;
};

/*
 * Starts what the processes are forked from. Call before threads are made and before BPF objects
 * are open (they inherit nothing of them). Returns NULL with errno.
 */
struct confined *confined_new(void);

/* Ends the processes. Accepts NULL. */
void confined_free(struct confined *confined);

/* Whether there is a network to be asked (DEBUGINFOD_URLS). */
bool confined_has_network(void);

/*
 * While an answer is awaited, which can take minutes, what is LOOP_ALWAYS in this loop is served;
 * it makes no calls of its own: they get -EBUSY. NULL: no loop any more. What is under way is given
 * up. It must outlive the confined processes.
 */
void confined_use_loop(struct confined *confined, struct loop *loop);

/*
 * An answer that its caller can go on without is waited for until this moment of CLOCK_MONOTONIC at
 * the most, where there is a loop; 0: as all others are. One that is not there is under way: the
 * call returns -EINPROGRESS, its process works on, and what comes is taken in while the loop is
 * served. The same call made again has the answer, or is told the same; without such a moment it
 * waits for that one as for any. Of many that are under way for a need the next one is not begun:
 * it, too, is to be asked again.
 */
void confined_wait_until(struct confined *confined, uint64_t moment_ns);

/* How many that were under way have ended, so far: until it is another number
 * there is nothing to ask for. */
size_t confined_ended(const struct confined *confined);

/*
 * No answer is waited for any longer as soon as *given_up, which something that is LOOP_ALWAYS may
 * set: a call then returns -ECANCELED, unless what it asks is kept. NULL: never. `network`: that
 * goes for CONFINED_DEBUGINFOD alone.
 */
void confined_give_up_if(struct confined *confined, const bool *given_up, bool network);

/*
 * Returns what the function returned, or -EPIPE (it crashed, or answered nonsense), -ETIME (it took
 * too long, or the file did so before for this need), -ENOEXEC (no regular file), -EINPROGRESS (it
 * may be late, and is), or another negative errno. The answer is the caller's to free where 0 is
 * returned, and empty otherwise.
 */
int confined_call(struct confined *confined, const struct confined_call *call,
		  struct confined_answer *answer);

/*
 * An answer made no sense: ends the need's process, as it may be in the hands of a file that it
 * read, and forgets what was kept of its answers. Returns -EPIPE.
 */
int confined_reject(struct confined *confined, enum confined_need need);

/*
 * When an answer was decoded: frees it and returns `error`, what decoding it gave; of -EPROTO
 * rejects it.
 */
int confined_settle(struct confined *confined, enum confined_need need,
		    struct confined_answer *answer, int error);

/* As confined_call(); an answer that is not of `size` bytes is rejected, else copied to
 * `result`. */
int confined_call_for(struct confined *confined, const struct confined_call *call, void *result,
		      size_t size);

/* Why a file could not be used, for people. */
const char *confined_error_text(int error);

#endif
