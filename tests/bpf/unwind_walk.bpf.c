// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The walker alone, on a probe: for the verifier's count and for comparing its stacks with those of
 * another unwinder. Once with static functions in a bpf_loop, once (UNWIND_GLOBAL) with global
 * functions in a plain loop, which the verifier does not follow into.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>

#ifdef UNWIND_GLOBAL
#define UNWIND_FUNCTION __attribute__((noinline))
#endif

#include "../../bpf/unwind_maps.bpf.h"
#include "../../bpf/unwind_walk.h"
#include "unwind_walk_test.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct unwind_walk_result);
} results SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct unwind_state);
} scratch SEC(".maps");

#ifdef UNWIND_GLOBAL
int walk(struct unwind_state *state)
{
	struct unwind_walk_result *result;
	__u32 zero = 0, i;
	int stop = UNWIND_STEPPED;

	result = bpf_map_lookup_elem(&results, &zero);
	if (!state || !result)
		return 0;
	for (i = 0; i < UNWIND_TEST_FRAMES && !stop; i++) {
		result->frames[i] = state->pc;
		stop = unwind_step(state);
	}
	result->count = i;
	result->stop = stop;
	result->flags = state->flags;
	return 0;
}
#else
struct walk {
	struct unwind_state *state;
	struct unwind_walk_result *result;
};

static long walk_frame(__u32 i, struct walk *walk)
{
	int stop;

	walk->result->frames[i & (UNWIND_TEST_FRAMES - 1)] = walk->state->pc;
	walk->result->count = i + 1;
	stop = unwind_step(walk->state);
	walk->result->stop = stop;
	return stop != UNWIND_STEPPED;
}

static int walk(struct unwind_state *state)
{
	struct walk walk = {.state = state};
	__u32 zero = 0;

	walk.result = bpf_map_lookup_elem(&results, &zero);
	if (!walk.result)
		return 0;
	bpf_loop(UNWIND_TEST_FRAMES, walk_frame, &walk, 0);
	walk.result->flags = state->flags;
	return 0;
}
#endif

SEC("uprobe")
int capture(struct pt_regs *ctx)
{
	struct unwind_walk_result *result;
	struct unwind_state *state;
	__u32 zero = 0;

	result = bpf_map_lookup_elem(&results, &zero);
	if (!result || bpf_get_current_pid_tgid() >> 32 != result->pid)
		return 0;
	state = bpf_map_lookup_elem(&scratch, &zero);
	if (!state)
		return 0;
	state->pc = ctx->rip;
	state->sp = ctx->rsp;
	state->fp = ctx->rbp;
	state->extra = ctx->rbx;
	state->list = unwind_list_of(1);
	state->flags = UNWIND_EXACT;
	state->stack_limit = 0;
	state->window_size = 0;
	state->fp_at = 0;
	state->extra_at = 0;
	state->mapping.start = 0;
	state->mapping.end = 0;
	walk(state);
	return 0;
}
