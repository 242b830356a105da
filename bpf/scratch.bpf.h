/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Large working memory that no other task can touch.
 *
 * Probe programs are preemptible from Linux 6.0 on and have no recursion guard, so that a per-CPU
 * buffer can be overwritten in mid-use by the next task on that CPU; a large value in task storage
 * is refused by newer kernels. Hence a pool: SCRATCH_PER_CPU buffers a CPU, each claimed by an
 * atomic exchange for the length of one capture. A CPU's own buffers come first, so that they stay
 * warm in its cache.
 */
#ifndef UNFREED_SCRATCH_BPF_H
#define UNFREED_SCRATCH_BPF_H

#include "maps.bpf.h"
#include "unwind_maps.bpf.h"
#include "unwind_walk.h"

#define SCRATCH_PER_CPU 4

struct scratch {
	__u32 owned;
	__u32 stop; /* enum unwind_result of the last step */
	__u64 hash; /* of the frames so far */
	struct stack_record record;
	struct unwind_state unwind;
};

/* W, R: the program that owns the buffer. Size 1: config.scratch_count. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratch_buffers SEC(".maps");

/* NULL where all buffers of this CPU are in use. */
static __always_inline struct scratch *scratch_claim(void)
{
	__u32 first = bpf_get_smp_processor_id() * SCRATCH_PER_CPU;

	for (__u32 i = 0; i < SCRATCH_PER_CPU; i++) {
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
