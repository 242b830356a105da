/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens to targets while they are seen, told upward to whoever listens: nothing below the
 * commands prints. Knows nothing of sentences or of people; commands/tell.c has both.
 */
#ifndef UNFREED_EVENT_H
#define UNFREED_EVENT_H

#include <stddef.h>
#include <stdint.h>

#include "../plan/reason.h"

struct estimate;

enum event_kind {
	/* Files of a process and their probes. */
	EVENT_PROBED,
	EVENT_NOT_PROBED,
	EVENT_HIDDEN, /* an allocator without names */
	EVENT_LINKER_NOT_WATCHED,
	EVENT_NOT_READ,
	EVENT_FILE_TROUBLE, /* it could not be used, or a part of it */
	EVENT_NO_WINDOWS,   /* under a budget */
	EVENT_SITES_PROVEN, /* direct ones of a function: they show what its entry and returns do */
	EVENT_SITES_DIFFER, /* they do not */
	EVENT_SITES_COMPARED, /* they did, so far as they were compared */
	EVENT_NOT_ATTACHED,   /* to what came later: a library, a child, an interpreter */
	/* Interpreters. */
	EVENT_PYTHON,
	EVENT_PYTHON_NOTE,
	EVENT_PYTHON_NOT_UNDERSTOOD,
	EVENT_PYTHON_ENDED, /* before it was understood */
	EVENT_NO_PYTHON,
	EVENT_STEERED_ALREADY,
	EVENT_STEERING_TAKEN_OVER,
	EVENT_STEERING,
	EVENT_STAYS_STEERED,
	/* Why something is seen as it is. */
	EVENT_REASON,
	/* Processes that are recorded, and what that costs them. */
	EVENT_WORKERS_TOO, /* those that come are taken in as well */
	EVENT_WORKERS_NOW, /* they are not */
	EVENT_COST,
	EVENT_COST_OF_ALL,
	EVENT_COST_WITH_OBJECTS, /* where an interpreter's are recorded exactly, too */
	EVENT_LEFT_OUT,
	EVENT_TRACING,
	EVENT_TRACING_MORE,
	EVENT_STOPPED, /* by a signal or a debugger */
	EVENT_ENDED,
	EVENT_COMMAND_ENDED,
	EVENT_COMMAND_RUNS_ON,
	EVENT_NOT_JUDGED, /* no memory for what is lost */
	/* Looks and watches. */
	EVENT_LOOKED,
	EVENT_LOOKED_WITH_GRAPH,
	EVENT_WATCHED,
	EVENT_LOST,
	EVENT_MALLOC_SHARED, /* with Python's objects */
	/* Services that are watched. */
	EVENT_MONITORING,
	EVENT_PAGE,
	EVENT_SERVICE_CAME, /* its first process */
	EVENT_SERVICE_WENT, /* its last one */
	EVENT_NO_SERVICE,   /* none of those asked for is there, for the time being */
	EVENT_FINDING,      /* it has one, or another verdict on it */
	EVENT_FINDING_OVER,
	EVENT_NEAR_LIMIT, /* a cgroup's memory */
	EVENT_NOT_NEAR_LIMIT,
	EVENT_HOOK_FAILED,
	EVENT_ALERT_DELAYED, /* a server did not take it */
	EVENT_ALERT_DROPPED,
	EVENT_ALERTS_LEFT, /* at the end */
	EVENT_NOT_ASKED,   /* why it grows: it could not be told */
	EVENT_HISTORY_NOT_WRITTEN,
	EVENT_NOT_REPORTED,
	EVENT_COUNT
};

/* Of one kind only what its sentence names. Good while it is being heard. */
struct event {
	enum event_kind kind;
	int pid;
	int error;  /* negative errno */
	int status; /* as wait(2) has it */
	size_t count;
	const char *path;
	const char *comm;
	const char *command;
	const char *name;      /* of a container or a type */
	const char *allocator; /* its kind */
	const char *version;   /* of CPython */
	const char *mode;      /* see python_plan_name() */
	const char *text;
	const struct failure *failure;
	enum reason reason;
	const struct reason_words *words;
	const struct estimate *estimate;
	double calls_per_s;
	double percent; /* by which it is slowed */
	double seconds; /* that it took, or since it began */
	double each_us;
	double bytes;        /* in malloc */
	double tables_bytes; /* of these Python's tables and items */
	double others_bytes; /* and its other objects */
	uint64_t stayed;     /* of what is lost */
	uint64_t stayed_first;
};

struct listener {
	void (*hear)(void *context, const struct event *event);
	void *context;
};

/* `listener` NULL: nobody listens. */
static inline void event_tell(const struct listener *listener, const struct event *event)
{
	if (listener)
		listener->hear(listener->context, event);
}

#endif
