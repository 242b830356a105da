/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Large working memory that no other task can touch.
 *
 * Probe programs are preemptible from Linux 6.0 on and have no recursion guard, so that a per-CPU
 * buffer can be overwritten in mid-use by the next task on that CPU; a large value in task storage
 * is refused by newer kernels. Hence a pool: SCRATCH_PER_CPU buffers a CPU, each claimed by an
 * atomic exchange for the length of one capture. A CPU's own buffers come first, so that they stay
 * warm in its cache; a CPU that preempts many captures goes on to those of the next CPUs.
 */
#ifndef UNFREED_SCRATCH_BPF_H
#define UNFREED_SCRATCH_BPF_H

#include "maps.bpf.h"
#include "unwind_maps.bpf.h"

/* See memo.bpf.h. */
#define UNWIND_NOTE(state, address, word) note_word(state, address, word)

/* See places.bpf.h. */
#define UNWIND_MAP_BEYOND(state, address) place_find(state, address)

struct unwind_state;
static __noinline int place_find(struct unwind_state *state, __u64 address);
static __always_inline void note_word(struct unwind_state *state, __u64 address, __u64 word);

#include "unwind_walk.h"

static __always_inline long python_read_user(void *buffer, __u32 bytes, __u64 address)
{
	return bpf_probe_read_user(buffer, bytes, (const void *)address);
}

#include "python_walk.h"

#define SCRATCH_PER_CPU 4
#define SCRATCH_TRIES   16

#define NOTED_WORDS 96u

/* Words of the stack that a walk hangs on, by their distance from the sp that it began with. */
struct noted_words {
	__u64 values[NOTED_WORDS];
	__u16 offsets[NOTED_WORDS];
};

/* The way from a file up to its process's root; all are addresses in the kernel. */
struct path_walk {
	__u64 dentry;
	__u64 mount;
	__u64 root_dentry;
	__u64 root_mount;
};

struct scratch {
	struct unwind_state unwind; /* first: note_word goes from it to the rest */
	__u32 owned;
	__u32 stop;         /* enum unwind_result of the last step */
	__u64 hash;         /* of the native frames so far, then of both kinds */
	__u64 native_hash;  /* of the native frames, once all are there */
	__u64 python_hash;  /* of the Python frames; 0: there are none */
	__u64 list;         /* of mappings, that the walk goes by */
	__u64 entry;        /* where on the stack the innermost Python frame was entered; 0 */
	__u64 eval_start;   /* as in struct python_space */
	__u64 eval_bytes;   /* 0 also where there are no Python frames */
	__u32 stale;        /* UNWIND_STALE where the list may be out of date, else 0 */
	__u32 python_stop;  /* enum python_step of the last step */
	__u32 python_taken; /* Python frames in the record so far, of those that were counted */
	__u32 code_space;   /* that their code objects are of */
	__u64 start_sp;     /* of the walk */
	__u32 word_count;   /* noted; more than NOTED_WORDS: too many */
	__u32 noted_bytes;  /* from start_sp to the end of the farthest noted word */
	__u32 row;          /* of the stack, once it is known */
	__u32 no_code;      /* the walk came to an address where no code is mapped */
	__u32 unlisted;     /* it went through code that was not in the list */
	__u32 unplaced;     /* see place_note_unknown */
	__u32 place_count;
	struct stack_place place; /* the one asked for last; end 0: no code */
	__u64 place_address;
	__u64 place_file; /* its struct file */
	__s64 place_error;
	struct stack_place places[PLACES_MAX];
	__u64 place_files[PLACES_MAX]; /* 0: user space knows it */
	struct stack_record record;
	struct noted_words words;
	struct python_walk python;
	struct file_record file;
	struct path_walk path;
};

static __always_inline void note_word(struct unwind_state *state, __u64 address, __u64 word)
{
	struct scratch *scratch = (struct scratch *)state;
	__u64 offset = address - scratch->start_sp;
	__u32 number = scratch->word_count++;

	if (number >= NOTED_WORDS || offset >= UNWIND_WINDOW - 8) {
		scratch->word_count = NOTED_WORDS + 1;
		return;
	}
	scratch->words.values[number] = word;
	scratch->words.offsets[number] = offset;
	if (offset + 8 > scratch->noted_bytes)
		scratch->noted_bytes = offset + 8;
}

/* W, R: the program that owns the buffer. Size 1: config.scratch_count. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratch_buffers SEC(".maps");

/* NULL where all buffers that were tried are in use. */
static __always_inline struct scratch *scratch_claim(void)
{
	__u32 first = bpf_get_smp_processor_id() * SCRATCH_PER_CPU;

	for (__u32 i = 0; i < SCRATCH_TRIES; i++) {
		__u32 index = first + i;
		struct scratch *scratch = bpf_map_lookup_elem(&scratch_buffers, &index);

		if (scratch && !__sync_val_compare_and_swap(&scratch->owned, 0, 1))
			return scratch;
	}
	return NULL;
}

static __always_inline void scratch_release(struct scratch *scratch)
{
	__sync_lock_test_and_set(&scratch->owned, 0);
}

#endif
