/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which processes are traced, kept up to date in the moment of each fork, exec and exit.
 *
 * A traced process image has an address space number, part of every key of its blocks. exec gives a
 * new one, so that the blocks of the old image can neither be freed nor be hit by chance. A forked
 * child starts with copies of the parent's blocks, which are the parent's to account for: it gets a
 * number of its own (with follow_forks) or none. A vfork child runs in the parent's memory and
 * shares its number until it execs.
 */
#ifndef UNFREED_PROCESSES_BPF_H
#define UNFREED_PROCESSES_BPF_H

#include <bpf/bpf_core_read.h>

#include "calls.bpf.h"
#include "unwind_maps.bpf.h"

static __always_inline long send_record(void *record, __u64 size)
{
	long error = bpf_ringbuf_output(&records, record, size, 0);

	if (error)
		count_loss(LOSS_events_dropped, 0);
	return error;
}

/* A number that nobody has; 0 where there is none: counted. */
static __noinline __u32 space_take_number(void)
{
	__u32 number = 0;

	if (!bpf_map_pop_elem(&free_spaces, &number))
		return number;
	if (last_space < SPACE_MAX)
		number = __sync_fetch_and_add(&last_space, 1) + 1;
	if (number && number <= SPACE_MAX)
		return number;
	count_loss(LOSS_processes_full, 0);
	return 0;
}

/* Returns the new space, whose gate stands as that of the one it comes from; 0 where there is no
 * room: counted. */
static __noinline __u32 process_add(__u32 pid, __u32 from)
{
	__u32 number = space_take_number();
	struct space_state *state = bpf_map_lookup_elem(&space_states, &number);
	struct space_state *before = space_state_of(from);
	struct space space = {};

	if (!number || !state || !before)
		return 0;
	state->gate = before->gate;
	state->window = before->gate != GATE_OFF;
	space.id = SPACE(number, state->generation);
	if (bpf_map_update_elem(&spaces_by_pid, &pid, &space, BPF_ANY)) {
		bpf_map_push_elem(&free_spaces, &number, 0);
		count_loss(LOSS_processes_full, 0);
		return 0;
	}
	return space.id;
}

/* A child that runs in its parent's memory. */
static __noinline int process_share(__u32 pid, __u32 space_id)
{
	struct space space = {.id = space_id, .shared = 1};

	bpf_map_update_elem(&spaces_by_pid, &pid, &space, BPF_ANY);
	return 0;
}

/*
 * A forked child has its parent's mappings, until user space gives it a list of its own, and its
 * parent's interpreter.
 */
static __noinline int process_inherit(__u32 parent_space, __u32 child_space)
{
	__u32 parent = SPACE_NUMBER(parent_space), child = SPACE_NUMBER(child_space);
	__u64 *parents = bpf_map_lookup_elem(&unwind_spaces, &parent);
	__u64 *childs = bpf_map_lookup_elem(&unwind_spaces, &child);
	struct unwind_unloads *before = bpf_map_lookup_elem(&unwind_unloads, &parent);
	struct unwind_unloads *unloads = bpf_map_lookup_elem(&unwind_unloads, &child);
	struct python_space *python = python_space_of(parent_space);

	if (python)
		bpf_map_update_elem(&python_by_space, &child_space, python, BPF_ANY);
	if (!parents || !childs || !before || !unloads)
		return 0;
	*childs = *parents;
	*unloads = *before;
	unloads->told = 0;
	return 0;
}

static __always_inline void process_forked(struct task_struct *parent, struct task_struct *child)
{
	__u32 parent_pid = BPF_CORE_READ(parent, tgid);
	__u32 child_pid = BPF_CORE_READ(child, tgid);
	struct space *space = bpf_map_lookup_elem(&spaces_by_pid, &parent_pid);
	struct fork_record fork = {.record.type = RECORD_FORK, .record.pid = parent_pid};

	if (!space || child_pid == parent_pid)
		return;
	fork.record.space = space->id;
	fork.child_pid = child_pid;
	if (BPF_CORE_READ(parent, mm) == BPF_CORE_READ(child, mm))
		process_share(child_pid, space->id);
	else if (config.follow_forks)
		fork.child_space = process_add(child_pid, space->id);
	else
		return;
	if (fork.child_space)
		process_inherit(space->id, fork.child_space);
	send_record(&fork, sizeof(fork));
}

/* The calling thread goes on under the new image. */
static __noinline int call_restart(__u32 space_id)
{
	struct call *call =
		bpf_task_storage_get(&calls_by_task, bpf_get_current_task_btf(), NULL, 0);

	if (call)
		call_reset(call, space_id);
	return 0;
}

static __noinline int process_executed(void)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct space *space = bpf_map_lookup_elem(&spaces_by_pid, &pid);
	struct exec_record exec = {.record.type = RECORD_EXEC, .record.pid = pid};

	if (!space)
		return 0;
	exec.old_space = space->id;
	exec.shared = space->shared;
	if (space->shared && !config.follow_forks) {
		bpf_map_delete_elem(&spaces_by_pid, &pid);
		return 0;
	}
	exec.record.space = process_add(pid, exec.old_space);
	if (!exec.record.space)
		bpf_map_delete_elem(&spaces_by_pid, &pid);
	call_restart(exec.record.space);
	bpf_get_current_comm(exec.comm, sizeof(exec.comm));
	send_record(&exec, sizeof(exec));
	return 0;
}

static __always_inline void process_exited(struct task_struct *task)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();
	__u32 pid = pid_tgid >> 32;
	__u32 tid = pid_tgid;
	struct space *space = bpf_map_lookup_elem(&spaces_by_pid, &pid);
	struct exit_record end = {.record.type = RECORD_EXIT, .record.pid = pid};

	if (!space)
		return;
	bpf_map_delete_elem(&calls_by_tid, &tid);
	if (BPF_CORE_READ(task, signal, live.counter))
		return;
	end.record.space = space->id;
	end.record.shared = space->shared;
	end.status = BPF_CORE_READ(task, signal, group_exit_code);
	bpf_map_delete_elem(&spaces_by_pid, &pid);
	send_record(&end, sizeof(end));
}

#endif
