// SPDX-License-Identifier: BSD-2-Clause
#include "waiting.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "../lib/signals.h"

/* Targets that are gone are noticed by a record; should it be lost, at the latest after this. */
#define IDLE_MS 1000

struct waiting {
	uint64_t duration_ns;
	uint64_t interval_ns;
	int signals;
	int end;
	int interval;
	bool started;
};

struct waiting *waiting_new(uint64_t duration_ns, uint64_t interval_ns)
{
	struct waiting *waiting = calloc(1, sizeof(*waiting));
	sigset_t signals;

	if (!waiting)
		return NULL;
	waiting->duration_ns = duration_ns;
	waiting->interval_ns = interval_ns;
	signals_of_end(&signals);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	waiting->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	waiting->end = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	waiting->interval = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (waiting->signals >= 0 && waiting->end >= 0 && waiting->interval >= 0)
		return waiting;
	waiting_free(waiting);
	return NULL;
}

void waiting_free(struct waiting *waiting)
{
	if (!waiting)
		return;
	if (waiting->signals >= 0)
		close(waiting->signals);
	if (waiting->end >= 0)
		close(waiting->end);
	if (waiting->interval >= 0)
		close(waiting->interval);
	free(waiting);
}

static void start_timer(int timer, uint64_t first_ns, uint64_t then_ns)
{
	struct itimerspec times = {
		.it_value = {.tv_sec = (time_t)(first_ns / 1000000000u),
			     .tv_nsec = (long)(first_ns % 1000000000u)},
		.it_interval = {.tv_sec = (time_t)(then_ns / 1000000000u),
				.tv_nsec = (long)(then_ns % 1000000000u)},
	};

	timerfd_settime(timer, 0, &times, NULL);
}

static bool is_interrupted(int signals)
{
	struct signalfd_siginfo info;

	return read(signals, &info, sizeof(info)) == sizeof(info);
}

static bool has_fired(int timer)
{
	uint64_t times;

	return read(timer, &times, sizeof(times)) == sizeof(times);
}

enum wait_result waiting_next(struct waiting *waiting, struct session *session)
{
	if (!waiting->started) {
		start_timer(waiting->end, waiting->duration_ns, 0);
		start_timer(waiting->interval, waiting->interval_ns, waiting->interval_ns);
		waiting->started = true;
	}
	for (;;) {
		struct pollfd events[] = {
			{.fd = session_descriptor(session), .events = POLLIN},
			{.fd = waiting->signals, .events = POLLIN},
			{.fd = waiting->end, .events = POLLIN},
			{.fd = waiting->interval, .events = POLLIN},
		};

		if (poll(events, 4, IDLE_MS) < 0 && errno != EINTR)
			return WAIT_END;
		session_drain(session);
		if (is_interrupted(waiting->signals) || has_fired(waiting->end) ||
		    !session_alive(session))
			return WAIT_END;
		if (has_fired(waiting->interval))
			return WAIT_INTERVAL;
	}
}
