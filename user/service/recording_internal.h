/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of a recording share. */
#ifndef UNFREED_SERVICE_RECORDING_INTERNAL_H
#define UNFREED_SERVICE_RECORDING_INTERNAL_H

#include "../plan/plan.h"
#include "../process/spawn.h"
#include "../profile/snapshot_since.h"
#include "../tracer/waiting.h"
#include "footprints.h"
#include "reading.h"
#include "recording.h"
#include "recording_cost.h"
#include "target_list.h"
#include "windows.h"

enum { RECORDING_NAMED_MAX = 8 /* processes that are told of one by one */ };

/* A process that recording each call would slow by more than the budget. */
struct over_budget {
	pid_t pid;
	double percent;
};

struct recording {
	struct recording_config config;
	const struct procfs *procfs;
	struct kernel kernel;
	enum attach_kind attach;
	struct reading reading;
	struct tracer *tracer;
	struct spawn spawn;
	struct target_list list;
	struct waiting *waiting;
	struct footprints *footprints;
	struct windows *windows;  /* NULL: no budget */
	struct frequent frequent; /* under one: functions that are called often */
	struct since *since;      /* NULL: there is one report only */
	struct recording_cost estimated;
	struct over_budget *over;
	size_t over_count;
	struct cost cost;
	struct plan plan; /* by that */
	bool told_stopped;
};

/*
 * What is done to one process. Returns 0, or -1 with `failure` filled: then the process is left
 * out, and all of it fails where the process is needed. `context` is the caller's.
 */
typedef int recording_act_fn(struct recording *recording, pid_t pid, void *context,
			     struct failure *failure);

/* Does it to all processes. Returns 0 where one that is needed is left, or a command. */
int recording_each(struct recording *recording, recording_act_fn *act, void *context,
		   struct failure *failure);

/* Tells that, unless it is none. */
void recording_tell_reason(const struct recording *recording, enum reason reason,
			   const struct reason_words *words);

/* Lists the targets and finds out what there is to know before anything is attached. */
int recording_survey(struct recording *recording, struct failure *failure);

/* Plans and attaches, until what it costs is no news any more. */
int recording_attach(struct recording *recording, struct failure *failure);

#endif
