/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process of its own that puts the probes in place and holds them.
 *
 * Taking a probe out means writing the target's original instruction back, and the kernel gives
 * that up half-way in a process with a fatal signal pending ("failed to unregister, leaking
 * uprobe"): an unfreed that is killed in the moment of attaching or detaching would leave traps in
 * its target for good. The keeper is in a session of its own, so that it does not share the
 * signals; when its socket closes, for whatever reason, it takes the probes out and ends.
 */
#ifndef UNFREED_KEEPER_H
#define UNFREED_KEEPER_H

#include "attach.h"

struct keeper;

/* Starts the process. Before there are threads. NULL with errno. */
struct keeper *keeper_new(void);

/* Has all probes taken out and ends the process; returns when the kernel is done. Accepts NULL. */
void keeper_free(struct keeper *keeper);

/* links_attach over there. Returns 0 or a negative errno (-EPIPE: the keeper is gone). */
int keeper_attach(struct keeper *keeper, const struct probe_set *set);

/* What keeper_truncate may go back to. */
size_t keeper_count(const struct keeper *keeper);

/* Takes the newest probes out again, down to `count`. */
void keeper_truncate(struct keeper *keeper, size_t count);

/* Takes all probes out and returns when the kernel has. The keeper can go on being used. */
void keeper_release(struct keeper *keeper);

#endif
