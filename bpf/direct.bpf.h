/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Direct sites: what is read there of a call, and the proof that it is what entry and return show
 * (proof.h).
 *
 * A call is compared from its entry on, and only where it goes all the way under the same
 * conditions: what was entered before all probes were in place, while nothing is recorded, or is
 * left by a jump, says nothing.
 */
#ifndef UNFREED_DIRECT_BPF_H
#define UNFREED_DIRECT_BPF_H

#include "calls.bpf.h"
#include "proof.h"

/* By number. W, R: programs; user space, mapped. */
struct proof proofs[PROOFS] = {};

/* Where the return address of the call lies whose end is near, as PROBE_PLACE says. */
static __always_inline __u64 place_sp(struct pt_regs *ctx, __u64 cookie)
{
	return regs_sp(ctx) + PROBE_COOKIE_WORDS(cookie) * sizeof(__u64);
}

/* What it will return; 0 also where it does not end this way. */
static __always_inline __u64 place_result(struct pt_regs *ctx, __u64 cookie)
{
	__u32 condition = PROBE_COOKIE_CONDITION(cookie);

	if (condition && !regs_condition(ctx, PROBE_CONDITION_CODE(condition)))
		return 0;
	return regs_numbered(ctx, PROBE_COOKIE_RESULT(cookie));
}

/* The caller's registers, behind the frame of the allocation function itself. */
static __always_inline bool caller_behind(struct pt_regs *ctx, struct call *call, __u64 cookie)
{
	__u32 words = PROBE_COOKIE_WORDS(cookie) & PROBE_DIRECT_WORDS_MAX;
	__u32 fp_at = PROBE_COOKIE_FP_AT(cookie), extra_at = PROBE_COOKIE_EXTRA_AT(cookie);
	__u64 sp = regs_sp(ctx);

	if (bpf_probe_read_user(call->frame, (words + 1) * sizeof(__u64), (void *)sp))
		return false;
	call->caller.pc = call->frame[words];
	call->caller.sp = sp + words * sizeof(__u64) + REGS_RETURN_POPS;
	call->caller.fp = PROBE_IS_AT_WORD(fp_at) ? call->frame[fp_at & PROBE_DIRECT_WORDS_MAX]
						  : regs_numbered(ctx, fp_at);
	call->caller.extra = PROBE_IS_AT_WORD(extra_at)
				     ? call->frame[extra_at & PROBE_DIRECT_WORDS_MAX]
				     : regs_numbered(ctx, extra_at);
	return true;
}

/* Into call->site_size. False where it was to be noted, and the call began before we came. */
static __always_inline bool direct_size(struct pt_regs *ctx, struct call *call, __u64 cookie)
{
	__u32 number = PROBE_COOKIE_SIZE_REGISTER(cookie);
	__u64 sp = place_sp(ctx, cookie);
	bool outer = call->outer_sp == sp;

	if (outer)
		call->outer_sp = 0;
	if (number != PROBE_SIZE_NOTED) {
		call->site_size = regs_numbered(ctx, number);
		return true;
	}
	if (!outer && call->noted_sp != sp)
		return false;
	call->site_size = outer ? call->outer_size : call->noted_size;
	if (!outer)
		call->noted_sp = 0;
	return true;
}

/* On a call out of an allocation function: what of it is known there,
 * and not any more behind it. */
static __always_inline void note_size(struct pt_regs *ctx, struct call *call, __u64 cookie)
{
	__u32 number = PROBE_COOKIE_SIZE_REGISTER(cookie);

	if (number == PROBE_SIZE_NOTED) /* it was noted before */
		return;
	call->noted_sp = place_sp(ctx, cookie);
	call->noted_size = regs_numbered(ctx, number);
}

/*
 * What is called allocates for it, and may note sizes of its own. Nothing is marked inside of a
 * call that is seen by its return.
 */
static __always_inline void note_outer(struct pt_regs *ctx, struct call *call, __u64 cookie)
{
	__u64 sp = place_sp(ctx, cookie);

	if (call->sp != sp && call_is_inside(call, sp))
		return;
	if (call->noted_sp == sp)
		call->outer_size = call->noted_size;
	if (!bpf_probe_read_user(&call->outer_return, sizeof(call->outer_return), (void *)sp))
		call->outer_sp = sp;
}

/* A call that is entered is to be compared, where its function is on trial. */
static __always_inline void proof_begin(struct call *call, __u64 cookie, __u32 window)
{
	__u32 number = PROBE_COOKIE_PROOF(cookie);

	call->proof = number && proofs[number].state == PROOF_RUNS ? number : 0;
	call->proof_window = window;
	call->proof_hits = 0;
}

/* Calls are recorded at the sites. */
static __always_inline bool proof_is_over(__u64 cookie)
{
	return proofs[PROBE_COOKIE_PROOF(cookie)].state == PROOF_HOLDS;
}

/* The sites see what is entered here. */
static __always_inline bool proof_holds(__u64 cookie)
{
	return PROBE_COOKIE_PROOF(cookie) && !(cookie & PROBE_EXIT) && proof_is_over(cookie);
}

/* A call on trial is at a site. */
static __noinline int proof_hit(struct pt_regs *ctx, struct call *call, __u64 result)
{
	__u64 cookie = bpf_get_attach_cookie(ctx);

	if (!call->proof || PROBE_COOKIE_PROOF(cookie) != call->proof ||
	    call->sp != place_sp(ctx, cookie))
		return 0;
	if (!caller_behind(ctx, call, cookie)) {
		call->proof = 0;
		return 0;
	}
	if (!direct_size(ctx, call, cookie))
		call->site_size = ~call->size; /* what should have been noted was not */
	call->proof_hits++;
	call->site_result = result;
	call->site_fp = call->caller.fp;
	call->site_extra = call->caller.extra;
	return 0;
}

/* It leaves by a jump that is probed as an entry is: its return is seen in any case. */
static __always_inline void proof_exit(struct call *call, __u64 cookie, __u64 sp)
{
	if (call->sp == sp && cookie & PROBE_EXIT && PROBE_COOKIE_PROOF(cookie) == call->proof)
		call->proof = 0;
}

static __always_inline __u32 proof_differs(const struct call *call, __u64 result)
{
	__u32 differs = 0;

	if (call->proof_hits != (result ? 1 : 0))
		return PROOF_COUNT;
	if (!result)
		return 0;
	if (call->site_result != result)
		differs |= PROOF_RESULT;
	if (call->site_size != call->size)
		differs |= PROOF_SIZE;
	if (call->site_fp != call->caller.fp || call->site_extra != call->caller.extra)
		differs |= PROOF_CALLER;
	return differs;
}

/* Returned from, with call->caller filled. */
static __noinline int proof_end(struct call *call, __u64 result, __u32 window)
{
	struct proof *proof = &proofs[call->proof & (PROOFS - 1)];
	__u32 differs;

	call->proof = 0;
	if (call->proof_window != window || proof->state != PROOF_RUNS)
		return 0;
	differs = proof_differs(call, result);
	if (differs) {
		proof->differs = differs;
		__sync_val_compare_and_swap(&proof->state, PROOF_RUNS, PROOF_FAILED);
		return 0;
	}
	count(&proof->compared, 1);
	if (config.proof_calls && proof->compared >= config.proof_calls)
		__sync_val_compare_and_swap(&proof->state, PROOF_RUNS, PROOF_HOLDS);
	return 0;
}

/* All that is to be known of a call at its site. Apart, to keep the frame of the program small. */
static __noinline bool direct_take(struct pt_regs *ctx, struct call *call, __u64 cookie)
{
	if (!direct_size(ctx, call, cookie) || !caller_behind(ctx, call, cookie))
		return false;
	call->size = call->site_size;
	call->caller.pc = return_given(call->caller.pc, place_sp(ctx, cookie));
	return true;
}

#endif
