/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a thread is in the middle of: the allocation entered and not yet returned from.
 *
 * Only the outermost allocation counts (musl's calloc calls malloc, posix_memalign calls
 * aligned_alloc, a preloaded wrapper calls the next malloc). Nesting is told by the stack, not by a
 * depth counter, so that a return that never comes (a longjmp, an exception, the kernel's limit on
 * return probes) cannot shift it: a call entered below the pending one is inside it as long as the
 * pending one's return address is in place. A return belongs to the pending call if the stack
 * pointer says so.
 */
#ifndef UNFREED_CALLS_BPF_H
#define UNFREED_CALLS_BPF_H

#include <bpf/bpf_core_read.h>

#include "arch/registers.bpf.h"
#include "maps.bpf.h"
#include "probes.h"

/* How far below a pending allocation a stack pointer may be and still be inside it. */
#define NESTING_BYTES (1u << 20)

/* What became of the block that a pending realloc was given. */
enum old_block {
	OLD_NONE = 0,
	OLD_TAKEN = 1,   /* it is in call->old, out of the ledger */
	OLD_UNKNOWN = 2, /* the ledger never held it */
};

/* Registers of the code that an allocation returns to. */
struct position {
	__u64 pc;
	__u64 sp;
	__u64 fp;
	__u64 extra;
};

struct call {
	__u64 sp;          /* at entry, pointing at the return address; 0: nothing pending */
	__u64 cookie;      /* of the pending call */
	__u64 size;        /* bytes asked for; SIZE_OVERFLOW */
	__u64 pointer;     /* block to be replaced, or where the result will be stored */
	__u64 throwing_sp; /* the same for an operator new, which may be left by an exception */
	__u64 throwing_size;
	__u64 throwing_fp; /* its caller's registers, as in struct position */
	__u64 throwing_extra;
	__u64 born_ns;        /* of the block that a realloc replaces: it goes on; 0: none */
	__u64 last_allocated; /* key of the block recorded last, until it is freed */
	__u64 last_freed;     /* address freed last: a free inside a free is not another one */
	__u64 last_unsized;   /* the same address, if its block's size was not to be had */
	__u64 trampoline;     /* address of the return probes' in this process; 0: not known yet */
	__u64 stack_end;      /* first unreadable address above the stack, learned; 0: not yet */
	struct position caller; /* of the call that returns now */
	__u64 noted_sp;         /* as sp, of a call whose size was noted on the way; 0: none */
	__u64 noted_size;
	__u64 outer_sp; /* as sp, of a call seen at a direct site to come, inside of which others
				   are made; 0: none */
	__u64 outer_return;                      /* to where it returns */
	__u64 outer_size;                        /* its size, where that was noted on the way */
	__u64 frame[PROBE_DIRECT_WORDS_MAX + 1]; /* of an allocation function, at a direct site */
	struct block old;   /* the block that a pending realloc took out of the ledger; of one
				   that was not in it the size alone, 0: not known */
	struct block fresh; /* working memory for the block being recorded */
	__u32 old_block;    /* enum old_block */
	__u32 space;
	__u32 half;  /* where config.windows: in which half of a window the thread was seen last */
	__u32 proof; /* number of the pending call's, if it is compared; 0 */
	__u32 proof_window; /* see struct space_state */
	__u32 proof_hits;   /* direct sites that it passed, and what the last one showed: */
	__u64 site_result;
	__u64 site_size;
	__u64 site_fp;
	__u64 site_extra;
};

#define SIZE_OVERFLOW (~0ull)

/* W, R: programs. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct call);
} calls_by_task SEC(".maps");

/* The same for threads that the kernel gave no task storage (seen in bursts of new threads). */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct call);
} calls_by_tid SEC(".maps");

/* W: never, an empty value to start a fallback entry with. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct call);
} empty_call SEC(".maps");

struct return_instance___hidden {
	unsigned long stack;
	unsigned long orig_ret_vaddr;
	struct return_instance___hidden *next;
} __attribute__((preserve_access_index));

struct uprobe_task___hidden {
	struct return_instance___hidden *return_instances;
} __attribute__((preserve_access_index));

struct task_struct___hidden {
	struct uprobe_task___hidden *utask;
} __attribute__((preserve_access_index));

#define TRAMPOLINE_BYTES 4096 /* it begins a page, as code that is returned to hardly does */
#define HIDDEN_MAX       64   /* return probes in each other that are gone through */

static __always_inline __u64 trampoline_of(struct task_struct *task)
{
	return BPF_CORE_READ(task, mm, uprobes_state.xol_area, vaddr);
}

static __noinline __u64 return_find(__u64 address, __u64 sp)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct return_instance___hidden *instance;

	if (address != trampoline_of(task))
		return address;
	instance = BPF_CORE_READ((struct task_struct___hidden *)task, utask, return_instances);
	for (int i = 0; i < HIDDEN_MAX && instance; i++) {
		if (BPF_CORE_READ(instance, stack) == sp)
			return BPF_CORE_READ(instance, orig_ret_vaddr);
		instance = BPF_CORE_READ(instance, next);
	}
	return address;
}

/*
 * The return address that a call was given, where `address` is what lies at `sp`, on the stack: a
 * return probe, of ours or of whoever else traces the process, has put its trampoline there.
 */
static __always_inline __u64 return_given(__u64 address, __u64 sp)
{
	return address % TRAMPOLINE_BYTES ? address : return_find(address, sp);
}

static __noinline struct call *call_fallback(void)
{
	__u32 tid = bpf_get_current_pid_tgid();
	__u32 zero = 0;
	struct call *call = bpf_map_lookup_elem(&calls_by_tid, &tid);
	struct call *empty;

	if (call)
		return call;
	empty = bpf_map_lookup_elem(&empty_call, &zero);
	if (empty)
		bpf_map_update_elem(&calls_by_tid, &tid, empty, BPF_NOEXIST);
	call = bpf_map_lookup_elem(&calls_by_tid, &tid);
	if (!call)
		count_loss(LOSS_task_state, 0);
	return call;
}

/* What the thread has pending is gone. */
static __always_inline void call_reset(struct call *call, __u32 space)
{
	call->sp = 0;
	call->throwing_sp = 0;
	call->noted_sp = 0;
	call->outer_sp = 0;
	call->last_allocated = 0;
	call->last_freed = 0;
	call->stack_end = 0;
	call->trampoline = 0;
	call->old_block = OLD_NONE;
	call->space = space;
}

/* State of a thread that has none, or has it of a space that was removed since. */
static __noinline struct call *call_renew(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct space *space = bpf_map_lookup_elem(&spaces_by_pid, &pid);
	struct call *call;

	if (!space)
		return NULL;
	call = bpf_task_storage_get(&calls_by_task, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!call)
		call = call_fallback();
	if (call && call->space != space->id)
		call_reset(call, space->id);
	return call;
}

/*
 * State of the current thread, and of its space; NULL where its process is not traced (or there is
 * no room: counted).
 */
static __always_inline struct call *call_current(struct space_state **state)
{
	struct call *call =
		bpf_task_storage_get(&calls_by_task, bpf_get_current_task_btf(), NULL, 0);

	if (call) {
		*state = space_state_of(call->space);
		if (*state && (*state)->generation == SPACE_GENERATION(call->space))
			return call;
	}
	call = call_renew();
	*state = call ? space_state_of(call->space) : NULL;
	return *state ? call : NULL;
}

/*
 * Whether the pending call is still there: as long as it is, the return probe's trampoline stands
 * in the place of its return address.
 */
static __noinline bool call_is_pending(struct call *call)
{
	__u64 return_address = 0;

	if (!call->trampoline)
		call->trampoline = trampoline_of(bpf_get_current_task_btf());
	if (!call_return_read(call->sp, &return_address))
		return true;
	return return_address && return_address == call->trampoline;
}

/*
 * Whether a function entered at `sp` was called from within a call that will be seen at a direct
 * site. That one may return nothing and so pass none: then its return address is soon overwritten.
 */
static __noinline bool call_is_in_outer(struct call *call, __u64 sp)
{
	__u64 return_address = 0;

	if (sp == call->outer_sp)
		return false; /* it is at its site */
	if (sp < call->outer_sp && call->outer_sp - sp < NESTING_BYTES &&
	    !bpf_probe_read_user(&return_address, sizeof(return_address), (void *)call->outer_sp) &&
	    return_address == call->outer_return)
		return true;
	call->outer_sp = 0;
	return false;
}

/*
 * Whether a function entered at `sp` was called from within the pending call, or jumped to by it
 * (realloc(NULL, n) ends in a jump to malloc).
 */
static __always_inline bool call_is_inside(struct call *call, __u64 sp)
{
	if (call->sp && sp <= call->sp && call->sp - sp < NESTING_BYTES && call_is_pending(call))
		return true;
	return call->outer_sp && call_is_in_outer(call, sp);
}

/* Key of a block of this thread's process. 0 where the address has no key. */
static __always_inline __u64 call_key(const struct call *call, __u64 address)
{
	if (address >> BLOCK_KEY_SHIFT) {
		count_loss(LOSS_address_unsupported, call->space);
		return 0;
	}
	return BLOCK_KEY(call->space, address);
}

#endif
