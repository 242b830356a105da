// SPDX-License-Identifier: BSD-2-Clause
#include "delivery.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <unistd.h>

#include "../../lib/clock.h"
#include "../../lib/descriptors.h"
#include "../../lib/process_end.h"
#include "../../lib/signals.h"

enum { WAITING_MAX = 32 };

#define PAUSE_MOST_S 300.0

struct delivery {
	struct loop *loop;
	struct delivery_way way;
	char *texts[WAITING_MAX + 1]; /* first come first served; one on its way is the first */
	size_t count;
	pid_t child; /* 0: none */
	struct loop_source *end, *timer;
	uint64_t due_ns;         /* when the next one may begin */
	struct delivery_try try; /* of the first one, at present or the last */
	uint64_t dropped;
};

static void attend(struct delivery *delivery);

static void shift(struct delivery *delivery)
{
	free(delivery->texts[0]);
	delivery->count--;
	memmove(delivery->texts, delivery->texts + 1, delivery->count * sizeof(*delivery->texts));
	delivery->try.number = 0;
}

static void wait_for_next(struct delivery *delivery, double pause_s)
{
	delivery->due_ns += (uint64_t)(fmin(pause_s, PAUSE_MOST_S) * 1e9);
	attend(delivery);
}

/* A try is over, or could not begin. */
static void judge(struct delivery *delivery)
{
	double pause_s = delivery->way.pause_s;
	enum delivery_end end = delivery->way.judge(delivery->way.context, &delivery->try);

	if (end == DELIVERY_AGAIN) {
		delivery->due_ns = clock_ns(CLOCK_MONOTONIC);
		wait_for_next(delivery, ldexp(pause_s, (int)delivery->try.number - 1));
		return;
	}
	delivery->dropped += end == DELIVERY_DROPPED;
	shift(delivery);
	wait_for_next(delivery, pause_s);
}

/* With whatever it has left behind. */
static void note_end(void *context)
{
	struct delivery *delivery = context;

	loop_drop(delivery->end);
	delivery->end = NULL;
	kill(-delivery->child, SIGKILL);
	delivery->try.status = process_wait(delivery->child);
	delivery->child = 0;
	judge(delivery);
}

/* It runs too long, or the next one may begin. */
static void note_time(void *context)
{
	struct delivery *delivery = context;

	if (delivery->child) {
		delivery->try.is_late = true;
		kill(-delivery->child, SIGKILL);
		return;
	}
	attend(delivery);
}

static void begin(struct delivery *delivery)
{
	delivery->due_ns = clock_ns(CLOCK_MONOTONIC);
	delivery->try.is_late = false;
	delivery->try.number++;
	pid_t child = delivery->way.start(delivery->way.context, delivery->texts[0]);
	if (child < 0) {
		delivery->try.status = child;
		judge(delivery);
		return;
	}
	delivery->child = child;
	delivery->end = loop_on_process(delivery->loop, child, LOOP_IN_TURN, note_end, delivery);
	loop_set_timer(delivery->timer, (uint64_t)(delivery->way.timeout_s * 1e9), 0);
	if (delivery->end)
		return;
	kill(-child, SIGKILL); /* whose end would not be heard */
	note_end(delivery);
}

static void attend(struct delivery *delivery)
{
	uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);

	if (delivery->child || !delivery->count)
		return;
	if (now_ns < delivery->due_ns)
		loop_set_timer(delivery->timer, delivery->due_ns - now_ns, 0);
	else
		begin(delivery);
}

/* What a service without root may is for us alone: to read all processes is not what an alert needs. */
pid_t delivery_fork(void)
{
	pid_t child = fork();

	if (child < 0)
		return -errno;
	setpgid(child, child); /* by both: whoever comes first */
	if (child)
		return child;
	signals_restore();
	cap_reset_ambient();
	return 0;
}

_Noreturn void delivery_execute(const char *path, char *const *argv, int input)
{
	if (dup2(input, 0) < 0 || dup2(2, 1) < 0)
		_exit(126);
	descriptors_close_from(3);
	execv(path, argv);
	_exit(127);
}

/* --- all of them --- */

struct delivery *delivery_new(struct loop *loop, const struct delivery_way *way)
{
	struct delivery *delivery = calloc(1, sizeof(*delivery));

	if (!delivery) {
		way->free(way->context);
		return NULL;
	}
	*delivery = (struct delivery){.loop = loop, .way = *way};
	delivery->timer = loop_on_timer(loop, LOOP_IN_TURN, note_time, delivery);
	if (delivery->timer)
		return delivery;
	delivery_free(delivery);
	return NULL;
}

void delivery_send(struct delivery *delivery, const char *text)
{
	if (!delivery)
		return;
	size_t waiting = delivery->count - (delivery->child != 0);
	bool fits = text && waiting < WAITING_MAX && strlen(text) < ALERT_BYTES_MAX;
	char *copy = fits ? strdup(text) : NULL;

	if (!copy) {
		delivery->dropped++;
		return;
	}
	delivery->texts[delivery->count++] = copy;
	attend(delivery);
}

uint64_t delivery_dropped(const struct delivery *delivery)
{
	return delivery ? delivery->dropped : 0;
}

size_t delivery_waiting(const struct delivery *delivery)
{
	return delivery ? delivery->count : 0;
}

void delivery_free(struct delivery *delivery)
{
	if (!delivery)
		return;
	loop_drop(delivery->end);
	loop_drop(delivery->timer);
	if (delivery->child) {
		kill(-delivery->child, SIGKILL);
		process_wait(delivery->child);
	}
	for (size_t i = 0; i < delivery->count; i++)
		free(delivery->texts[i]);
	delivery->way.free(delivery->way.context);
	free(delivery);
}
