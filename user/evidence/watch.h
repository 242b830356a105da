/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who fills it: which lines of a live process write to a word of its memory, told by hardware
 * watchpoints. The word is the length of a container that grows, the place where something is
 * replaced again and again, or the reference count of a class, which each new instance raises by
 * one for good.
 *
 *	struct watch *watch = watch_open(pid, &config, &failure);
 *	watch_run(watch, 20);               or watch_poll() from a loop of one's own
 *	for each word: watch_result(watch, word, &result); …; watch_result_release(&result);
 *	watch_close(watch);
 *
 * Nothing is written to the process and nobody is stopped; a hit costs it some microseconds, so
 * that a word is let go at a limit (struct watch_limits). What is watched goes with our
 * descriptors: a killed tool leaves nothing. Not for several threads.
 */
#ifndef UNFREED_EVIDENCE_WATCH_H
#define UNFREED_EVIDENCE_WATCH_H

#include "../../bpf/watch.h"
#include "../confine/confined.h"
#include "../lib/failure.h"
#include "../python/interpreter.h"
#include "../process/procfs.h"

enum watch_kind {
	WATCH_LENGTH,   /* a number: of entries, or any counter */
	WATCH_SLOT,     /* a pointer that is replaced */
	WATCH_REFCOUNT, /* ob_refcnt of a class made by a class statement (a heap type) */
};

struct watch_word {
	uint64_t address; /* in the target; a multiple of `bytes` */
	enum watch_kind kind;
	uint32_t bytes; /* 1, 2, 4 or 8; 0: 8 */
};

/*
 * When a word is let go. A growth is a write that made a length larger, less those that made it
 * smaller; a slot's replacement; an instance. 0 in a field: the limit below, of `cost_ns`: none.
 */
struct watch_limits {
	uint64_t growths;
	uint64_t hits;
	uint64_t cost_ns; /* processor time of the target, for one word */
};

#define WATCH_GROWTHS_LIMIT 64
#define WATCH_HITS_LIMIT    2000

struct watch_programs; /* watch_program.h */

struct watch_config {
	const struct procfs *procfs;
	struct confined *confined; /* for names of native code; NULL: it has only addresses */
	/*
	 * The target's interpreter, for Python frames; NULL: native stacks by the files' unwind
	 * tables, which take a moment to read. It and `confined` must outlive the watch.
	 */
	const struct python_interpreter *python;
	/* With Python frames also those of extensions in C that they called: takes the tables. */
	bool native_inward;
	struct watch_word words[WATCH_WORDS];
	size_t word_count;
	/*
	 * Also in processes that the target forks from now on. Their words are copies, and of each
	 * the first write only says what is there.
	 */
	bool follow_forks;
	struct watch_limits limits;
	/* In which it is waited, and limits are kept also while files are read; it must outlive the
	 * watch. NULL: they are kept at polls alone. */
	struct loop *loop;
	const bool *interrupted; /* ends watch_run() early, as what the loop serves may set; NULL */
	struct watch_programs *programs; /* handed from watch to watch; NULL: each loads its own */
};

struct watch;

/*
 * Watches from here on. NULL with `failure` filled: as watchpoints_open has it; or hardware
 * watchpoints are not delivered on this machine, which a word of our own shows first.
 */
struct watch *watch_open(pid_t pid, const struct watch_config *config, struct failure *failure);

/*
 * Also watches a process that the target forked before, given that forks are followed and that the
 * words are there what they are in the target. Returns 0 or a negative errno: it is gone, or there
 * is no room for it.
 */
int watch_add_fork(struct watch *watch, pid_t pid);

/* Ends it. Accepts NULL. */
void watch_close(struct watch *watch);

/*
 * Lets go of words that reached a limit, and names the lines that are new, as their code may be
 * gone soon. Returns how often words were hit since the last call: the fewer, the later may the
 * next one be, from a millisecond to 50 of them. Cheap.
 */
uint64_t watch_poll(struct watch *watch);

/* Polls for so long, or until all words were let go, the process is gone, or it is interrupted. */
void watch_run(struct watch *watch, double seconds);

/* How many words are still watched. */
size_t watch_armed(const struct watch *watch);

/* Lets go of all words. */
void watch_stop_all(struct watch *watch);

/* What a hit takes of the target here, beside what its own stack takes: measured by watch_open. */
uint64_t watch_trap_ns(const struct watch *watch);

/* How many threads had the words watched from the start. */
size_t watch_threads(const struct watch *watch);

/* The strings live as long as the watch. */
struct watch_frame {
	const char *function; /* NULL: unknown */
	const char *file;     /* source; of native code without it the module; NULL: unknown */
	uint32_t line;        /* 0: unknown */
	bool native;
	bool own;         /* the user's own code, see python/own_code.h */
	uint64_t address; /* of native code, else 0 */
};

/* Those who wrote from the same lines. */
struct watch_writer {
	/* What they did. Of a reference count: GREW made instances, SHRANK let them go, SAME
	 * both. */
	enum watch_change change;
	uint64_t count; /* hits */
	int64_t net;    /* by how much the word grew by them; of slots meaningless */
	const struct watch_frame *frames; /* innermost first */
	size_t frame_count;
	bool cut;   /* further frames are missing */
	size_t own; /* the innermost frame that is the user's own: the line to put forward; 0 where
		       there is none */
};

enum watch_end {
	WATCH_ON, /* still watched */
	WATCH_END_GROWTHS,
	WATCH_END_HITS,
	WATCH_END_COST,
	WATCH_END_STOPPED, /* by watch_stop_all */
	WATCH_END_GONE,    /* the process ended, or executed another program */
};

struct watch_result {
	uint64_t hits; /* all, also those before every thread was watched */
	uint64_t grew, shrank, same, replaced;
	uint64_t unsure; /* first hits in forked children: what they did is not known */
	int64_t net;
	uint64_t value; /* as of the last hit, or of the beginning */
	enum watch_end end;
	double watched_s;
	double cost_s;      /* processor time of the target */
	uint64_t lost;      /* writes that the kernel saw and our program was not run for */
	uint64_t unread;    /* hits that could not read the word */
	uint64_t stackless; /* hits that are in no writer, as there were too many different ones */
	struct watch_writer *writers; /* those with most hits first; of a reference count, those
					 with the largest net */
	size_t writer_count;
};

/*
 * What is known of a word by now; of native code the names are looked up now. Returns 0 or -ENOMEM.
 */
int watch_result(struct watch *watch, size_t word, struct watch_result *result);
void watch_result_release(struct watch_result *result);

#endif
