/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every map, with who writes (W) and who reads (R) it. Sizes marked 1 are set by user space
 * between open and load.
 */
#ifndef UNFREED_MAPS_BPF_H
#define UNFREED_MAPS_BPF_H

#include "config.h"
#include "ledger.h"
#include "python.h"
#include "records.h"

const volatile struct config config = {};

/* W: user space. While the ledger is open 1, or, where config.windows, the half of the window
 * that is open, see WINDOW_OF(); else 0: nothing is recorded. */
volatile __u32 tracing = 0;

/* W: programs. R: user space. Hits while nothing was recorded; some of
 * many at once go uncounted. */
__u64 hits_unrecorded = 0;

/* W: programs. Stacks in use, blocks in the spill table, the last address space given out. */
__u32 stacks_used = 0;
__u32 blocks_spilled = 0;
__u32 last_space = 0;

/* W: ledger.bpf.h. R: user space. */
struct peak peak = {};

/* Open blocks. W: ledger.bpf.h alone. R: user space, mapped. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bucket);
} buckets SEC(".maps");

/* Open blocks whose bucket was full. W: ledger.bpf.h alone. R: user space, in batches. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, struct block);
} spilled_blocks_by_key SEC(".maps");

/* W: ledger.bpf.h (counters), stacks.bpf.h (hash, announced). R: user space, mapped. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stack_totals);
} totals_by_stack SEC(".maps");

/* W: programs. R: user space. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counters);
} counters_by_cpu SEC(".maps");

/* By number of a space. W: programs; user space deletes. R: user space. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, SPACES);
	__type(key, __u32);
	__type(value, struct counters);
} counters_by_space SEC(".maps");

/* See struct space_state. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SPACES);
	__type(key, __u32);
	__type(value, struct space_state);
} space_states SEC(".maps");

/* Numbers to be given out again. W: user space; programs take. */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, SPACES);
	__type(value, __u32);
} free_spaces SEC(".maps");

/* Traced processes, by thread group id. W: user space at attach, processes.bpf.h. R: programs. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct space);
} spaces_by_pid SEC(".maps");

/* W: user space; may stay 0 as long as python_by_space is empty. */
volatile __u32 python_used = 0;

/*
 * Whether a code object was freed at one of the addresses that share a slot. W: free_enter,
 * block_open. R: the walk of Python frames.
 */
#define CODE_SLOTS         (1u << 14)
#define CODE_SLOT(address) ((__u32)((address) >> 4 ^ (address) >> 18) & (CODE_SLOTS - 1))
volatile __u8 code_was_freed[CODE_SLOTS] = {0};
volatile __u32 codes_freed = 0; /* whether any is set */

/*
 * Where frees of an interpreter's blocks are not probed (PROBE_FREES_UNSEEN) a code object
 * has gone when its address is given out again: so those that stacks name are kept, by space
 * and address. W, R: programs.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 16);
	__type(key, __u64);
	__type(value, __u8);
} named_codes SEC(".maps");
volatile __u8 code_was_named[CODE_SLOTS] = {0};
volatile __u32 frees_are_read = 0; /* W: user space: there are such interpreters */

/* Blocks that were closed when their address was given out again, without a trap at their free. */
__u64 frees_untrapped = 0;

/* Interpreters. W: user space at attach, processes.bpf.h, free_enter. R: programs, user space. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct python_space);
} python_by_space SEC(".maps");

/* W: programs. R: user space. Sized at the load, by how many stacks there may be. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} records SEC(".maps");

/* Programs are preemptible and have no recursion guard: counters are added to atomically. */
static __always_inline void count(__u64 *counter, __u64 amount)
{
	__sync_fetch_and_add(counter, amount);
}

static __always_inline struct counters *counters_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&counters_by_cpu, &zero);
}

static __always_inline struct python_space *python_space_of(__u32 space)
{
	return python_used ? bpf_map_lookup_elem(&python_by_space, &space) : NULL;
}

static __always_inline struct space_state *space_state_of(__u32 space)
{
	__u32 number = SPACE_NUMBER(space);

	return bpf_map_lookup_elem(&space_states, &number);
}

/* The counters of a space, made at first use; NULL of none. */
static __noinline struct counters *counters_of(__u32 space)
{
	static const struct counters none;
	__u32 number = SPACE_NUMBER(space);
	struct counters *counters;

	if (!number)
		return NULL;
	counters = bpf_map_lookup_elem(&counters_by_space, &number);
	if (counters)
		return counters;
	bpf_map_update_elem(&counters_by_space, &number, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&counters_by_space, &number);
}

/* `space` 0: of none. */
static __noinline int count_loss(__u32 loss, __u32 space)
{
	struct counters *counters = counters_get();

	if (loss >= LOSS_COUNT)
		return 0;
	if (counters)
		count(&counters->losses[loss], 1);
	counters = counters_of(space);
	if (counters)
		count(&counters->losses[loss], 1);
	return 0;
}

#endif
