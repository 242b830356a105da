/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The BPF program that runs at each write to a watched word (bpf/watch.bpf.c), loaded, with its
 * maps in our memory. The kernel takes long to verify it, so that one that was loaded serves watch
 * after watch.
 */
#ifndef UNFREED_WATCH_PROGRAM_H
#define UNFREED_WATCH_PROGRAM_H

#include "../../bpf/watch.h"
#include "../python/interpreter.h"
#include "../unwind/tables.h"

struct watch_program_config {
	const struct python_interpreter *python; /* NULL: no Python frames */
	bool walks_native;                       /* by unwind tables: takes kernel memory */
	uint32_t only_pid;                       /* 0: hits come from one process */
};

struct watch_program {
	struct watch_bpf *skeleton;
	int fd;
	struct watch_word_state *words; /* WATCH_WORDS + 1 */
	const __u32 *stacks_used;
	struct watch_stack *stacks;
	struct unwind_memory unwind; /* where native stacks are walked */
	uint64_t trap_ns;            /* of a hit, without the program's own: 0: not known yet */
	struct watch_program *next;  /* in struct watch_programs */
};

/* Programs that wait for their next watch. To be zeroed; not for several threads. */
struct watch_programs {
	struct watch_program *spare;
};

void watch_programs_release(struct watch_programs *programs);

/*
 * A program that has counted nothing: one of `programs` (which may be NULL) where one serves, else
 * it is loaded. NULL with errno.
 */
struct watch_program *watch_program_take(struct watch_programs *programs,
					 const struct watch_program_config *config);

/* Gives it back once no watchpoint runs it any more. Accepts NULL for a program. */
void watch_program_give(struct watch_programs *programs, struct watch_program *program);

/*
 * Of a process that was forked before: what a word holds there, unless a hit has told. Without it
 * the first hit cannot tell what it changed.
 */
void watch_program_set_value(const struct watch_program *program, pid_t pid, uint32_t word,
			     uint64_t value);

#endif
