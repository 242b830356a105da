/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A recording of processes, or of a command from its first allocation: what is asked for and what
 * is found make a plan, the tracer carries it out, and reports come of it until it is over. Tells
 * on its way what happens; knows nothing of where that and the reports go.
 *
 *	recording_new        nothing has been touched
 *	recording_begin      the targets are looked at, and recorded; a command runs
 *	recording_announce   that they are
 *	recording_wait       until a report is due, with recording_report after each
 *	recording_end        how the command ended
 *	recording_free       at any time: the probes are out, a command runs on
 */
#ifndef UNFREED_SERVICE_RECORDING_H
#define UNFREED_SERVICE_RECORDING_H

#include "../events/event.h"
#include "../plan/request.h"
#include "../process/procfs.h"
#include "../profile/snapshot.h"

struct recording_config {
	struct request how;
	/* One of these two; they must outlive the recording. */
	const pid_t *pids;
	char **command;
	size_t pid_count;
	bool by_number;       /* the processes were asked for by that, and each is needed */
	uint64_t duration_ns; /* 0: until interrupted */
	uint64_t interval_ns; /* 0: one report at the end */
	uint64_t older_than_ns;
	bool follow_forks;
	bool native_interpreter;   /* show its native frames */
	uint64_t max_memory_bytes; /* for reachability; 0: by what there is */
	uint32_t max_blocks;
	uint32_t max_stacks;
	const struct listener *listener; /* hears what happens; NULL: nobody */
};

struct recording;

/* `procfs` must outlive it. NULL with `failure` filled. */
struct recording *recording_new(const struct recording_config *config, const struct procfs *procfs,
				struct failure *failure);
void recording_free(struct recording *recording); /* accepts NULL */

/* Returns 0, or -1 with `failure` filled: then it can only be freed. */
int recording_begin(struct recording *recording, struct failure *failure);

void recording_announce(struct recording *recording);

/* Takes records in meanwhile. Returns whether another report will be due after this one. */
bool recording_wait(struct recording *recording);

/* What a report is about. The last one ends the recording. NULL with errno. */
struct snapshot *recording_report(struct recording *recording, bool last);

void recording_end(const struct recording *recording);

#endif
