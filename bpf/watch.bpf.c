// SPDX-License-Identifier: GPL-2.0
/*
 * Who writes to a word: runs behind each write that a hardware watchpoint reports, in the thread
 * that wrote.
 *
 * The debug exception comes from user mode and is handled with interrupts off, so that nothing can
 * come in between on this CPU and one buffer a CPU is enough. The value before the write is gone by
 * then; it is the one that was read behind the write before.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "arch/registers.bpf.h"
#include "unwind_maps.bpf.h"
#include "watch.h"

#include "unwind_walk.h"

static __always_inline long python_read_user(void *buffer, __u32 bytes, __u64 address)
{
	return bpf_probe_read_user(buffer, bytes, (const void *)address);
}

#include "python_walk.h"

char LICENSE[] SEC("license") = "GPL";

#define HASH_SEED 0xcbf29ce484222325ull

/*
 * W: user space, before the first hit. How to walk; unused where no word asks for Python frames.
 * Not const: it is handed on by address, and compilers take for known what is in a constant.
 */
struct python_process python = {};
/* W: user space, before the load. Whether there are tables to walk native frames by; where there
 * are none the verifier is spared the walker. */
const volatile __u32 walk_native = 0;
/* W: user space, before the load. Whether to walk the native frames inward of Python ones, too. */
const volatile __u32 native_inward = 0;
/* The function that runs Python frames; see struct python_space. */
const volatile __u64 eval_start = 0;
const volatile __u64 eval_bytes = 0;
/* The process whose word it is; 0: hits come from no other, since forks are not followed. */
const volatile __u32 only_pid = 0;

/* See watch.h. The last one is WATCH_SELF. */
struct watch_word_state words[WATCH_WORDS + 1] = {};
/* W: programs. Rows of `stacks` in use; may go beyond the last. */
__u32 stacks_used = 0;

/* W: programs. R: user space, mapped. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, WATCH_STACKS_MAX);
	__type(key, __u32);
	__type(value, struct watch_stack);
} stacks SEC(".maps");

/* W, R: programs. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WATCH_STACKS_MAX);
	__type(key, __u64);
	__type(value, __u32);
} stack_rows_by_hash SEC(".maps");

/* The value in each forked process as of its last hit. W, R: programs. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct watch_process_word);
	__type(value, __u64);
} values_by_process SEC(".maps");

struct hit {
	__u64 hash;
	__u64 value;
	__s64 difference;
	__u64 entry; /* where on the C stack the innermost Python frame was entered; 0: unknown */
	__u32 word;
	__u32 reached_eval; /* the native walk came to what runs the innermost Python frame */
	struct watch_stack stack;
	struct python_walk walk;
	struct unwind_state unwind;
};

/* W, R: the program, for the length of a hit. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hit);
} hit_by_cpu SEC(".maps");

static __always_inline __u64 hash_add(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 32;
}

static long take_python_frame(__u32 index, struct hit **context)
{
	struct hit *hit = *context;
	struct python_stack_frame *frame =
		&hit->stack.python[hit->stack.python_count & (WATCH_FRAMES - 1)];
	__u64 at = hit->walk.frame;
	int step = python_walk_step(&hit->walk, &python.layout);

	if (step != PYTHON_FRAME) {
		hit->stack.python_cut = step == PYTHON_UNREADABLE;
		if (!hit->entry && hit->stack.python_count)
			hit->entry = at; /* a shim, which lies on the C stack */
		return step != PYTHON_SHIM;
	}
	frame->code = hit->walk.found.code | hit->walk.found.flags;
	frame->instruction = hit->walk.found.instruction;
	frame->check = 0;
	hit->hash = hash_add(hash_add(hit->hash, frame->code), (__u32)frame->instruction);
	if (++hit->stack.python_count < WATCH_FRAMES)
		return 0;
	hit->stack.python_cut = hit->walk.frame != 0;
	return 1;
}

static __noinline int take_python(struct hit *hit)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (hit && python_walk_begin(&hit->walk, &python, thread_pointer(task)) == PYTHON_FRAME)
		bpf_loop(2 * WATCH_FRAMES, take_python_frame, &hit, 0);
	return 0;
}

static long check_python_frame(__u32 index, struct hit **context)
{
	struct hit *hit = *context;
	struct python_stack_frame *frame = &hit->stack.python[index & (WATCH_FRAMES - 1)];

	if (index >= hit->stack.python_count)
		return 1;
	frame->check = python_walk_check(&hit->walk, &python.layout, frame->code & ~7ull);
	return 0;
}

/* Whether the frame that the walk is in is the loop that runs Python frames. */
static __always_inline bool is_eval_loop(const struct hit *hit)
{
	__u64 address = hit->unwind.pc - !(hit->unwind.flags & UNWIND_EXACT);

	return hit->stack.python_count && address - eval_start < eval_bytes;
}

/* With Python frames the walk ends at the loop, which is left out. Returns 1 at the end. */
static long take_native_frame(__u32 index, struct hit **context)
{
	struct hit *hit = *context;
	__u64 pc = hit->unwind.pc;

	if (is_eval_loop(hit)) {
		hit->reached_eval = 1;
		return 1;
	}
	long stop = unwind_step(&hit->unwind) != UNWIND_STEPPED;

	if (hit->entry && hit->unwind.sp > hit->entry) {
		hit->reached_eval = 1;
		return 1;
	}
	hit->stack.native[index & (WATCH_NATIVE - 1)] = pc;
	hit->stack.native_count = index + 1;
	hit->hash = hash_add(hit->hash, pc);
	return stop;
}

static __always_inline void take_native(struct bpf_perf_event_data *ctx, struct hit *hit)
{
	struct unwind_state *state = &hit->unwind;

	state->pc = PERF_PC(ctx);
	state->sp = PERF_SP(ctx);
	state->fp = PERF_FP(ctx);
	state->extra = PERF_EXTRA(ctx);
	state->list = unwind_list_of(WATCH_SPACE);
	state->flags = UNWIND_EXACT | UNWIND_FP_GIVEN | UNWIND_EXTRA_GIVEN;
	__builtin_memset(&state->mapping, 0, sizeof(state->mapping));
	state->stack_limit = 0;
	state->window_size = 0;
	state->fp_at = 0;
	state->extra_at = 0;
	hit->reached_eval = 0;
	if (hit->entry < state->sp)
		hit->entry = 0;
	bpf_loop(WATCH_NATIVE, take_native_frame, &hit, 0);
	if (hit->stack.python_count && !hit->reached_eval)
		hit->stack.native_count = 0;
}

/* The instruction that wrote, alone. */
static __always_inline void take_pc(struct bpf_perf_event_data *ctx, struct hit *hit)
{
	hit->stack.native[0] = PERF_PC(ctx);
	hit->stack.native_count = 1;
	hit->hash = hash_add(hit->hash, PERF_PC(ctx));
}

/* Stores the new value; hit->difference to the old one. Returns whether that one is known. */
static __always_inline bool exchange_own(struct hit *hit, struct watch_word_state *word)
{
	__u64 before = __sync_lock_test_and_set(&word->last, hit->value);

	hit->difference = hit->value - before;
	return before != WATCH_UNKNOWN;
}

/* The same in a forked process, whose word is a copy. */
static __noinline bool exchange_forked(struct hit *hit, __u32 pid)
{
	struct watch_process_word key = {.pid = pid};
	__u64 *before;

	if (!hit)
		return false;
	key.word = hit->word;
	before = bpf_map_lookup_elem(&values_by_process, &key);
	if (!before) {
		bpf_map_update_elem(&values_by_process, &key, &hit->value, BPF_ANY);
		return false;
	}
	hit->difference = hit->value - __sync_lock_test_and_set(before, hit->value);
	return true;
}

static __always_inline __u32 change_of(const struct hit *hit, const struct watch_word_state *word)
{
	if (!hit->difference)
		return WATCH_SAME;
	if (word->is_slot)
		return hit->value ? WATCH_REPLACED : WATCH_SHRANK;
	return hit->difference > 0 ? WATCH_GREW : WATCH_SHRANK;
}

/* The row of a stack that was not seen before; WATCH_STACKS_MAX: there is no room. */
static __noinline __u32 add_stack(struct hit *hit)
{
	struct watch_stack *stack;
	__u32 row, *known;

	if (!hit || stacks_used >= WATCH_STACKS_MAX)
		return WATCH_STACKS_MAX;
	row = __sync_fetch_and_add(&stacks_used, 1);
	stack = bpf_map_lookup_elem(&stacks, &row);
	if (!stack)
		return WATCH_STACKS_MAX;
	bpf_loop(WATCH_FRAMES, check_python_frame, &hit, 0);
	bpf_probe_read_kernel(stack, sizeof(*stack), &hit->stack);
	if (bpf_map_update_elem(&stack_rows_by_hash, &hit->hash, &row, BPF_NOEXIST)) {
		known = bpf_map_lookup_elem(&stack_rows_by_hash, &hit->hash);
		return known ? *known : WATCH_STACKS_MAX;
	}
	__sync_lock_test_and_set(&stack->ready, 1);
	return row;
}

static __noinline int count_stack(struct hit *hit, struct watch_word_state *word)
{
	struct watch_stack *stack;
	__u32 *known, row;

	if (!hit || !word)
		return 0;
	known = bpf_map_lookup_elem(&stack_rows_by_hash, &hit->hash);
	row = known ? *known : add_stack(hit);
	stack = bpf_map_lookup_elem(&stacks, &row);
	if (!stack) {
		__sync_fetch_and_add(&word->stackless, 1);
		return 0;
	}
	__sync_fetch_and_add(&stack->count, 1);
	__sync_fetch_and_add((__u64 *)&stack->net, (__u64)hit->difference);
	return 0;
}

static __always_inline void take_stack(struct bpf_perf_event_data *ctx, struct hit *hit,
				       bool walk_python)
{
	hit->stack.ready = 0;
	hit->stack.word = hit->word;
	hit->stack.python_count = 0;
	hit->stack.python_cut = 0;
	hit->stack.native_count = 0;
	hit->entry = 0;
	hit->stack.count = 0;
	hit->stack.net = 0;
	hit->hash = hash_add(hash_add(HASH_SEED, hit->word), hit->stack.change);
	if (walk_python)
		take_python(hit);
	if (hit->stack.python_count && !native_inward)
		return;
	if (walk_native)
		take_native(ctx, hit);
	else
		take_pc(ctx, hit);
}

/* Reads the new value. Returns whether the hit counts, with its difference. */
static __always_inline bool take_value(struct hit *hit, struct watch_word_state *word)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;

	hit->value = 0;
	if (bpf_probe_read_user(&hit->value, ((word->bytes - 1) & 7) + 1,
				(const void *)word->address)) {
		__sync_fetch_and_add(&word->unread, 1);
		return false;
	}
	hit->value &= word->mask;
	if (only_pid && pid != only_pid && hit->word != WATCH_SELF) {
		if (exchange_forked(hit, pid))
			return word->armed;
	} else if (exchange_own(hit, word)) {
		return word->armed;
	}
	if (word->armed)
		__sync_fetch_and_add(&word->unsure, 1);
	return false;
}

static __always_inline struct watch_word_state *find_word(struct hit *hit, __u64 address)
{
	for (__u32 i = 0; i <= WATCH_SELF; i++)
		if (words[i].address == address) {
			hit->word = i;
			return &words[i];
		}
	return NULL;
}

SEC("perf_event")
int on_write(struct bpf_perf_event_data *ctx)
{
	__u64 start_ns = bpf_ktime_get_ns();
	struct watch_word_state *word;
	struct hit *hit;
	__u32 zero = 0;

	hit = bpf_map_lookup_elem(&hit_by_cpu, &zero);
	word = hit ? find_word(hit, ctx->addr) : NULL;
	if (!word)
		return 0;
	__sync_fetch_and_add(&word->hits, 1);
	if (take_value(hit, word)) {
		hit->stack.change = change_of(hit, word);
		__sync_fetch_and_add(&word->changes[hit->stack.change & 3], 1);
		__sync_fetch_and_add((__u64 *)&word->net, (__u64)hit->difference);
		take_stack(ctx, hit, word->python);
		count_stack(hit, word);
	}
	__sync_fetch_and_add(&word->program_ns, bpf_ktime_get_ns() - start_ns);
	return 0;
}
