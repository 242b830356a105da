// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The walker of Python frames alone, on a probe: for the verifier's count and for comparing its
 * stacks with Python's own.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

static __attribute__((always_inline)) inline long python_read_user(void *buffer, __u32 bytes,
								   __u64 address)
{
	return bpf_probe_read_user(buffer, bytes, (const void *)address);
}

#include "../../bpf/python_walk.h"
#include "python_walk_test.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct thread_struct___fs {
	unsigned long fsbase;
} __attribute__((preserve_access_index));

struct task_struct___fs {
	struct thread_struct___fs thread;
} __attribute__((preserve_access_index));

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct python_walk_result);
} results SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct python_walk);
} scratch SEC(".maps");

struct walk {
	struct python_walk *walk;
	struct python_walk_result *result;
};

static long walk_frame(__u32 i, struct walk *walk)
{
	struct python_walk_result *result = walk->result;
	int step = python_walk_step(walk->walk, &result->process.layout);

	if (step == PYTHON_FRAME && result->count < PYTHON_TEST_FRAMES) {
		result->frames[result->count & (PYTHON_TEST_FRAMES - 1)] = walk->walk->found;
		result->count++;
	}
	result->stop = step;
	return step > PYTHON_SHIM;
}

static long check_frame(__u32 i, struct walk *walk)
{
	struct python_walk_result *result = walk->result;

	i &= PYTHON_TEST_FRAMES - 1;
	if (i >= result->count)
		return 1;
	result->checks[i] =
		python_walk_check(walk->walk, &result->process.layout, result->frames[i].code);
	return 0;
}

static int walk(struct python_walk *state, struct python_walk_result *result)
{
	struct walk walk = {state, result};

	result->count = 0;
	result->stop = python_walk_begin(state, &result->process, result->fs_base);
	if (result->stop != PYTHON_FRAME)
		return 0;
	result->nanoseconds = bpf_ktime_get_ns();
	bpf_loop(PYTHON_TEST_FRAMES * 2, walk_frame, &walk, 0);
	result->nanoseconds = bpf_ktime_get_ns() - result->nanoseconds;
	bpf_loop(PYTHON_TEST_FRAMES, check_frame, &walk, 0);
	return 0;
}

SEC("uprobe")
int capture(void *ctx)
{
	struct task_struct___fs *task = (void *)bpf_get_current_task();
	__u64 pid_tgid = bpf_get_current_pid_tgid();
	struct python_walk_result *result;
	struct python_walk *state;
	__u32 zero = 0;

	result = bpf_map_lookup_elem(&results, &zero);
	state = bpf_map_lookup_elem(&scratch, &zero);
	if (!result || !state || pid_tgid >> 32 != result->pid)
		return 0;
	if (!result->wanted || result->wanted != (__u32)pid_tgid)
		return 0;
	result->fs_base = BPF_CORE_READ(task, thread.fsbase);
	walk(state, result);
	result->wanted = 0;
	return 0;
}
