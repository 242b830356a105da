/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process of its own that puts the probes in place and holds them.
 *
 * Taking a probe out means writing the target's original instruction back, and the kernel gives
 * that up half-way in a process with a fatal signal pending ("failed to unregister, leaking
 * uprobe"): an unfreed that is killed in the moment of attaching or detaching would leave traps in
 * its target for good. The keeper is in a session of its own, so that it does not share the
 * signals; when its socket closes, for whatever reason, it takes the probes out and ends.
 *
 * Probes are put in place in groups, and a group can be taken out at any time. That takes the
 * kernel 40 to 150 ms, which nobody waits for: at most REMOVALS_MAX (keeper.c) are under way. Under
 * a budget they are in place for windows alone: opener.h.
 */
#ifndef UNFREED_KEEPER_H
#define UNFREED_KEEPER_H

#include "opener.h"

struct keeper;

/* Starts the process. Before there are threads. NULL with errno. */
struct keeper *keeper_new(void);

/* Has all probes taken out and ends the process; returns when the kernel is done. Accepts NULL. */
void keeper_free(struct keeper *keeper);

/* The number of a new group, never 0. */
uint32_t keeper_group(struct keeper *keeper);

/*
 * links_attach over there, into a group; or, as set->when says, what a window is opened by. Returns
 * 0 or a negative errno (-EPIPE: the keeper is gone).
 */
int keeper_attach(struct keeper *keeper, uint32_t group, const struct probe_set *set);

/* Has a group's probes taken out, and does not wait for it. A group without any is none. */
void keeper_remove(struct keeper *keeper, uint32_t group);

/* Windows are opened from now on, until keeper_end_windows() or keeper_release(). Its
 * descriptors stay the caller's. Returns as keeper_attach(). */
int keeper_begin_windows(struct keeper *keeper, const struct window_start *start);
void keeper_end_windows(struct keeper *keeper);

/* A process that came since, whose processor time pays for windows too, or one that has ended.
 * Returns as keeper_attach(). */
int keeper_watch(struct keeper *keeper, pid_t pid);
void keeper_forget(struct keeper *keeper, pid_t pid);

const struct window_account *keeper_windows(const struct keeper *keeper);

/* Takes all probes out and returns when the kernel has. The keeper can go on being used. */
void keeper_release(struct keeper *keeper);

#endif
