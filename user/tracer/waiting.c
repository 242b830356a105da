/* SPDX-License-Identifier: BSD-2-Clause */
#include "waiting.h"

#include <stdlib.h>

#include "../lib/signals.h"

/* Targets that are gone are noticed by a record; should it be lost, at the latest after this. */
#define IDLE_MS 1000

struct waiting {
	struct loop *loop;
	uint64_t duration_ns;
	uint64_t interval_ns;
	struct loop_source *signals;
	struct loop_source *end;
	struct loop_source *interval;
	bool started;
	bool interrupted;
	bool hurried;
	bool over;
	bool due; /* a report */
};

static void note_end(void *context)
{
	((struct waiting *)context)->over = true;
}

static void note_signal(void *context)
{
	struct waiting *waiting = context;

	waiting->hurried = waiting->interrupted;
	waiting->interrupted = waiting->over = true;
}

static void note_interval(void *context)
{
	((struct waiting *)context)->due = true;
}

struct waiting *waiting_new(struct loop *loop, uint64_t duration_ns, uint64_t interval_ns)
{
	struct waiting *waiting = calloc(1, sizeof(*waiting));
	sigset_t signals;

	if (!waiting)
		return NULL;
	waiting->loop = loop;
	waiting->duration_ns = duration_ns;
	waiting->interval_ns = interval_ns;
	signals_of_end(&signals);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	waiting->signals = loop_on_signals(loop, &signals, LOOP_ALWAYS, note_signal, waiting);
	waiting->end = loop_on_timer(loop, LOOP_ALWAYS, note_end, waiting);
	waiting->interval = loop_on_timer(loop, LOOP_IN_TURN, note_interval, waiting);
	if (waiting->signals && waiting->end && waiting->interval)
		return waiting;
	waiting_free(waiting);
	return NULL;
}

void waiting_free(struct waiting *waiting)
{
	if (!waiting)
		return;
	loop_drop(waiting->signals);
	loop_drop(waiting->end);
	loop_drop(waiting->interval);
	free(waiting);
}

bool waiting_interrupted(const struct waiting *waiting)
{
	return waiting->interrupted;
}

const bool *waiting_over(const struct waiting *waiting)
{
	return &waiting->over;
}

const bool *waiting_hurried(const struct waiting *waiting)
{
	return &waiting->hurried;
}

/* What came while a report was written was set aside, so that records are taken before the
 * wait. Once it is over the last report takes what there is: no answer that they need is
 * waited for here any more. */
enum wait_result waiting_next(struct waiting *waiting, struct tracer *tracer)
{
	if (!waiting->started) {
		loop_set_timer(waiting->end, waiting->duration_ns, 0);
		loop_set_timer(waiting->interval, waiting->interval_ns, waiting->interval_ns);
		waiting->started = true;
	}
	for (;;) {
		if (!waiting->over)
			tracer_drain(tracer);
		if (waiting->over || !tracer_alive(tracer))
			return WAIT_END;
		if (waiting->due) {
			waiting->due = false;
			return WAIT_INTERVAL;
		}
		if (loop_wait(waiting->loop, tracer_is_behind(tracer) ? 0 : IDLE_MS) < 0)
			return WAIT_END;
	}
}
