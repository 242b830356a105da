// SPDX-License-Identifier: GPL-2.0
/*
 * The programs: what happens at each probe.
 *
 * One set serves every allocation function; the attach cookie says which arguments to read
 * (probes.h). Where the kernel has session probes, alloc_session stands for alloc_enter and
 * alloc_return, and spares calls nested in another one their return trap.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

#include "calls.bpf.h"
#include "direct.bpf.h"
#include "growth.bpf.h"
#include "ledger.bpf.h"
#include "processes.bpf.h"
#include "stacks.bpf.h"
#include "unknown_frees.bpf.h"

char LICENSE[] SEC("license") = "GPL";

static __always_inline __u64 size_argument(struct pt_regs *ctx, __u64 cookie)
{
	__u64 size = regs_argument(ctx, PROBE_COOKIE_SIZE(cookie));
	__u64 number;
	__u64 size_max;

	if (PROBE_COOKIE_POOL(cookie))
		return 1ull << PROBE_COOKIE_POOL(cookie);
	if (PROBE_COOKIE_COUNT(cookie) == PROBE_NO_ARG)
		return size;
	number = regs_argument(ctx, PROBE_COOKIE_COUNT(cookie));
	size_max = number ? SIZE_OVERFLOW / number : SIZE_OVERFLOW;
	barrier_var(size_max); /* else clang makes a 128-bit multiplication of it */
	return size > size_max ? SIZE_OVERFLOW : size * number;
}

/* Closes a block for good. Returns whether the ledger held it. */
static __noinline bool block_close(struct call *call, __u64 key, bool seen)
{
	if (ledger_take(key, &call->fresh))
		return false;
	account_free(call->fresh.size, call->fresh.stack, call->space, seen);
	return true;
}

/* Records a new block under the stack of call->caller. */
static __always_inline void block_open(struct call *call, __u64 address, __u32 window)
{
	__u64 key = call_key(call, address);
	bool seen = !(call->cookie & PROBE_FREES_UNSEEN);

	if (!key)
		return;
	if (!seen && call->size >= CODE_BYTES_MIN)
		python_note_reuse(key);
	if (block_close(call, key, seen) && !seen)
		count(&frees_untrapped, 1);
	call->fresh.window = config.windows ? call->half : window;
	call->fresh.size = call->size;
	call->fresh.stack = stack_current(call);
	call->fresh.time_ns = call->born_ns ? call->born_ns : bpf_ktime_get_ns();
	if (!ledger_put(key, &call->fresh, seen ? PUT_NEW : PUT_NEW_UNSEEN))
		call->last_allocated = key;
}

/* The old block of a realloc is gone. */
static __always_inline void old_close(struct call *call)
{
	if (call->old_block == OLD_TAKEN) {
		account_free(call->old.size, call->old.stack, call->space, true);
	} else if (call->old_block == OLD_UNKNOWN) {
		count_unknown_free(call->space);
		count_sized_free(call->space, call->old.size);
		if (PROBE_COOKIE_DOMAIN(call->cookie) == DOMAIN_PYTHON)
			python_count_unknown_free(call->space);
	}
	call->old_block = OLD_NONE;
}

/* A pending call that never came back: its realloc's old block is gone with it. */
static __noinline int call_abandon(struct call *call)
{
	count_loss(LOSS_return_missed, call->space);
	old_close(call);
	call->sp = 0;
	return 0;
}

/* What the thread was in the middle of in an earlier window has ended in the time between.
 * Returns the half of the window that is open, 0 where it has closed just now. */
static __noinline __u32 call_cross(struct call *call)
{
	__u32 half = tracing;

	if (half && WINDOW_OF(call->half) != WINDOW_OF(half)) {
		old_close(call);
		call->sp = 0;
		call->throwing_sp = 0;
		call->noted_sp = 0;
		call->outer_sp = 0;
		call->last_allocated = 0;
		call->last_freed = 0;
	}
	call->half = half;
	return half;
}

/* State of the current thread, as call_current() has it; NULL also while nothing is recorded. */
static __always_inline struct call *call_recorded(struct space_state **state)
{
	struct call *call;

	if (!tracing) {
		hits_unrecorded++;
		return NULL;
	}
	call = call_current(state);
	return config.windows && call && !call_cross(call) ? NULL : call;
}

static __always_inline void realloc_begin(struct call *call)
{
	__u64 key = call->pointer ? call_key(call, call->pointer) : 0;

	call->old_block = OLD_NONE;
	if (!key)
		return;
	call->old_block = OLD_TAKEN;
	if (!ledger_take(key, &call->old))
		return;
	call->old_block = OLD_UNKNOWN;
	call->old.size = unknown_size(call, call->cookie, call->pointer);
	/* one in a pool, where user space sees what is gone of older blocks */
	if (call->old.size && call->cookie & PROBE_FREES_UNSEEN)
		call->old_block = OLD_NONE;
}

/* A call that is passed on: a realloc to one of an allocator that knows the size, a call on
 * trial to where it will be seen in any case. */
static __noinline int call_pass_on(struct pt_regs *ctx, struct call *call)
{
	__u64 cookie;

	if (!call->proof && (call->old_block != OLD_UNKNOWN || call->old.size))
		return 0;
	cookie = bpf_get_attach_cookie(ctx);
	proof_exit(call, cookie, regs_sp(ctx));
	if (call->old_block == OLD_UNKNOWN && !call->old.size &&
	    PROBE_COOKIE_OP(cookie) == PROBE_REALLOC &&
	    regs_argument(ctx, PROBE_COOKIE_POINTER(cookie)) == call->pointer)
		call->old.size = block_usable_size(cookie, call->pointer);
	return 0;
}

/* An allocation that no pending one is outside of; `sp` points at its return address. */
static __always_inline void call_begin(struct call *call, __u64 sp, __u64 cookie)
{
	if (call->sp)
		call_abandon(call);
	if (sp >= call->throwing_sp)
		call->throwing_sp = 0; /* left by an exception */
	call->cookie = cookie;
	call->last_freed = 0;
	call->old_block = OLD_NONE;
	call->born_ns = 0;
}

/* Returns whether the return is of interest. */
static __always_inline bool alloc_begin(struct pt_regs *ctx)
{
	__u64 sp = regs_sp(ctx);
	__u64 cookie;
	struct space_state *state;
	struct call *call;

	call = call_recorded(&state);
	if (!call || state->gate == GATE_OFF)
		return false;
	if (call_is_inside(call, sp)) {
		call_pass_on(ctx, call);
		return false;
	}
	cookie = bpf_get_attach_cookie(ctx);
	if (proof_holds(cookie))
		return false;
	call_begin(call, sp, cookie);
	proof_begin(call, cookie, state->window);
	call->size = size_argument(ctx, cookie);
	call->pointer = regs_argument(ctx, PROBE_COOKIE_POINTER(cookie));
	call->sp = sp;
	if (PROBE_COOKIE_OP(cookie) == PROBE_REALLOC || PROBE_COOKIE_OP(cookie) == PROBE_RESIZE)
		realloc_begin(call);
	return true;
}

/* The old block of a realloc: freed, or as it was because the call failed. */
static __noinline int realloc_end(struct call *call, bool replaced)
{
	if (!replaced && call->old_block == OLD_TAKEN &&
	    !ledger_put(call_key(call, call->pointer), &call->old, PUT_BACK))
		call->old_block = OLD_NONE;
	if (!replaced && call->old_block == OLD_UNKNOWN)
		call->old_block = OLD_NONE;
	if (call->old_block == OLD_TAKEN)
		call->born_ns = call->old.time_ns + 1; /* no two at an address are of one time */
	old_close(call);
	return 0;
}

/*
 * xallocx never moves a block, and reaches the size asked for or leaves it as it is. Returns the
 * block to record anew, 0 where nothing changed.
 */
static __noinline __u64 resize_end(struct call *call, __u64 reached)
{
	bool resized = reached >= call->size;
	bool held = call->old_block == OLD_TAKEN;

	realloc_end(call, resized);
	return held && resized ? call->pointer : 0;
}

static __always_inline __u64 memalign_result(struct call *call, __u64 error)
{
	__u64 address = 0;

	if ((__u32)error || bpf_probe_read_user(&address, sizeof(address), (void *)call->pointer))
		return 0;
	return address;
}

/* A call that began with the gate open and ends with it closed leaves no block: only what it was
 * given is settled. */
static __always_inline void alloc_end(struct pt_regs *ctx)
{
	struct space_state *state;
	struct call *call;
	__u64 result;
	__u32 op;

	call = call_recorded(&state);
	if (!call || !call->sp || call->sp + REGS_RETURN_POPS != regs_sp(ctx))
		return;
	call->sp = 0;
	call->caller.pc = regs_pc(ctx);
	call->caller.sp = regs_sp(ctx);
	call->caller.fp = regs_fp(ctx);
	call->caller.extra = regs_extra(ctx);
	op = PROBE_COOKIE_OP(call->cookie);
	result = regs_result(ctx);
	if (call->proof)
		proof_end(call, result, state->window);
	if (op == PROBE_RESIZE)
		result = resize_end(call, result);
	else if (op == PROBE_MEMALIGN)
		result = memalign_result(call, result);
	else if (op == PROBE_REALLOC)
		realloc_end(call, result || !call->size);
	if (PROBE_COOKIE_POOL(call->cookie))
		result &= ~(call->size - 1);
	if (result && state->gate != GATE_OFF)
		block_open(call, result, state->window);
}

/* Works with every libbpf and kernel that has session probes, where their kfuncs changed between
 * kernels. */
static __always_inline bool session_is_entry(struct pt_regs *ctx)
{
	return bpf_get_func_ip(ctx) == regs_pc(ctx);
}

SEC("uprobe")
int alloc_session(struct pt_regs *ctx)
{
	int unwanted;

	if (!session_is_entry(ctx)) {
		alloc_end(ctx);
		return 0;
	}
	unwanted = !alloc_begin(ctx);
	barrier_var(unwanted); /* clang 19 spills it, after which the verifier knows no bounds */
	return unwanted & 1;
}

SEC("uprobe")
int alloc_enter(struct pt_regs *ctx)
{
	alloc_begin(ctx);
	return 0;
}

SEC("uprobe")
int alloc_return(struct pt_regs *ctx)
{
	alloc_end(ctx);
	return 0;
}

/*
 * An operator new may be left by an exception, so that it gets no return probe (the unwinder would
 * end the target at the trampoline) and never counts as pending: what it calls is recorded on its
 * own, and probes where it is left add what nothing inside it has recorded.
 */
SEC("uprobe")
int throwing_enter(struct pt_regs *ctx)
{
	struct space_state *state;
	struct call *call = call_recorded(&state);

	if (!call || state->gate == GATE_OFF || call_is_inside(call, regs_sp(ctx)))
		return 0;
	call->throwing_sp = regs_sp(ctx);
	call->throwing_fp = regs_fp(ctx);
	call->throwing_extra = regs_extra(ctx);
	call->throwing_size = size_argument(ctx, bpf_get_attach_cookie(ctx));
	call->last_allocated = 0;
	return 0;
}

/*
 * On a `ret` of such a function, or on the last branch before one: then the cookie says what a call
 * that goes on to the `ret` looks like there.
 */
SEC("uprobe")
int throwing_return(struct pt_regs *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx);
	__u64 sp = place_sp(ctx, cookie);
	struct space_state *state;
	struct call *call = call_recorded(&state);
	__u64 result;

	if (!call || state->gate == GATE_OFF || call->throwing_sp != sp)
		return 0;
	result = place_result(ctx, cookie);
	if (!result)
		return 0;
	call->throwing_sp = 0;
	if (call->last_allocated == call_key(call, result))
		return 0;
	if (regs_return_address(ctx, sp, &call->caller.pc))
		return 0;
	call->caller.pc = return_given(call->caller.pc, sp);
	call->caller.sp = sp + REGS_RETURN_POPS;
	call->caller.fp = call->throwing_fp;
	call->caller.extra = call->throwing_extra;
	call->cookie = cookie;
	call->size = call->throwing_size;
	call->born_ns = 0;
	block_open(call, result, state->window);
	return 0;
}

/* Where a slow path of an allocation function still has the size, which it loses, or
 * calls others that allocate. */
SEC("uprobe")
int alloc_note(struct pt_regs *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx);
	struct space_state *state;
	struct call *call = call_recorded(&state);

	if (!call)
		return 0;
	note_size(ctx, call, cookie);
	if (cookie & PROBE_NOTE_OUTER)
		note_outer(ctx, call, cookie);
	return 0;
}

/*
 * On an instruction of an allocation function at which its result is there and the size still is:
 * the one probe that a call needs. The cookie says where all that is.
 */
SEC("uprobe")
int alloc_direct(struct pt_regs *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx);
	__u64 sp = place_sp(ctx, cookie);
	struct space_state *state;
	struct call *call;
	__u64 result;

	result = place_result(ctx, cookie);
	call = result ? call_recorded(&state) : NULL;
	if (!call || state->gate == GATE_OFF)
		return 0;
	if (!proof_is_over(cookie))
		return proof_hit(ctx, call, result);
	if (call_is_inside(call, sp))
		return 0;
	call_begin(call, sp, cookie);
	call->site_result = result; /* kept there, for a small frame */
	if (direct_take(ctx, call, cookie))
		block_open(call, call->site_result, state->window);
	return 0;
}

SEC("uprobe")
int free_enter(struct pt_regs *ctx)
{
	struct space_state *state;
	struct call *call;
	__u64 address, cookie;
	__u64 key;

	cookie = bpf_get_attach_cookie(ctx);
	address = regs_argument(ctx, PROBE_COOKIE_POINTER(cookie));
	if (!address)
		return 0;
	call = call_recorded(&state);
	if (!call || state->gate < GATE_ALL || call_is_inside(call, regs_sp(ctx)))
		return 0;
	key = call_key(call, address);
	if (!key)
		return 0;
	if (block_close(call, key, true)) {
		if (call->fresh.size >= CODE_BYTES_MIN)
			python_note_free(call, address);
	} else if (call->last_freed != address) {
		python_note_free(call, address);
		count_unknown_free(call->space);
		if (PROBE_COOKIE_DOMAIN(cookie) == DOMAIN_PYTHON)
			python_count_unknown_free(call->space);
		size_unknown_free(call, cookie, address);
	} else if (call->last_unsized == address) { /* in a free that did not know it */
		size_unknown_free(call, cookie, address);
	}
	call->last_freed = address;
	return 0;
}

#define RT_DELETE 2 /* link.h */

/*
 * On the dynamic linker's rendezvous function, before and after each change. The cookie says how
 * far from here the word is that tells what it is about to do; 0: not known.
 */
SEC("uprobe")
int library_loaded(struct pt_regs *ctx)
{
	__u64 distance = bpf_get_attach_cookie(ctx);
	__u32 state = 0;
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct space *space = bpf_map_lookup_elem(&spaces_by_pid, &pid);
	struct record record = {.type = RECORD_LOADED, .pid = pid};

	if (!space)
		return 0;
	if (distance &&
	    !bpf_probe_read_user(&state, sizeof(state), (void *)(regs_pc(ctx) + distance)))
		unwind_note_change(SPACE_NUMBER(space->id), state == RT_DELETE);
	record.space = space->id;
	if (unwind_tell(SPACE_NUMBER(space->id)) && send_record(&record, sizeof(record)))
		unwind_untell(SPACE_NUMBER(space->id));
	return 0;
}

SEC("raw_tp/sched_process_fork")
int process_fork(struct bpf_raw_tracepoint_args *ctx)
{
	process_forked((struct task_struct *)ctx->args[0], (struct task_struct *)ctx->args[1]);
	return 0;
}

SEC("raw_tp/sched_process_exec")
int process_exec(struct bpf_raw_tracepoint_args *ctx)
{
	process_executed();
	return 0;
}

SEC("raw_tp/sched_process_exit")
int process_exit(struct bpf_raw_tracepoint_args *ctx)
{
	process_exited((struct task_struct *)ctx->args[0]);
	return 0;
}

/* Run by user space, see struct sweep. */
SEC("syscall")
int sweep(struct sweep *ctx)
{
	struct sweep part = {
		.first_bucket = ctx->first_bucket,
		.buckets = ctx->buckets,
		.first_row = ctx->first_row,
		.rows = ctx->rows,
		.spilled = ctx->spilled,
	};

	ledger_sweep(&part);
	return 0;
}

/* The instruction is the innermost frame: as if it were the one in front of a return address. */
static __always_inline void fault_position(struct position *position)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());

	position->pc = regs_pc(regs) + 1;
	position->sp = regs_sp(regs);
	position->fp = regs_fp(regs);
	position->extra = regs_extra(regs);
}

/* Before the page is there. Faults in the kernel, on behalf of a system call, are the caller's. */
SEC("perf_event")
int page_fault(struct bpf_perf_event_data *ctx)
{
	__u64 began_ns = bpf_ktime_get_ns();
	__u64 address = ctx->addr & ~(PAGE_BYTES - 1);
	struct space_state *state;
	struct call *call = tracing ? call_current(&state) : NULL;

	if (!call || state->gate == GATE_OFF)
		return 0;
	count(&fault_counts.faults, 1);
	if (!PAGE_IS_TAKEN(address, fault_mask))
		return 0;
	if (fault_is_of_memory(address)) {
		fault_position(&call->caller);
		call->cookie = PROBE_COOKIE(PROBE_ALLOC, DOMAIN_MMAP, PROBE_NO_ARG, PROBE_NO_ARG,
					    PROBE_NO_ARG);
		call->size = (fault_mask + 1) * PAGE_BYTES;
		call->born_ns = 0;
		block_open(call, address, state->window);
	}
	count(&fault_counts.program_ns, bpf_ktime_get_ns() - began_ns);
	return 0;
}

/* Run by user space: the first so many of settled_blocks. */
SEC("syscall")
int settle(__u32 *blocks)
{
	bpf_loop(*blocks, settle_one, NULL, 0);
	return 0;
}
