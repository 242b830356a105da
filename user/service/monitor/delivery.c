/* SPDX-License-Identifier: BSD-2-Clause */
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

struct waiting {
	char *text;
	int64_t id; /* by which it is kept; negative: it is not */
};

struct delivery {
	struct loop *loop;
	struct delivery_way way;
	struct delivery_store store; /* all NULL: none */
	struct waiting
		waiting[WAITING_MAX + 1]; /* first come first served; one on its way is the first */
	size_t count;
	pid_t child; /* 0: none */
	struct loop_source *end, *timer;
	uint64_t due_ns;         /* when the next one may begin */
	struct delivery_try try; /* of the first one, at present or the last */
	uint64_t dropped;
	bool is_closed;
};

static void attend(struct delivery *delivery);

static void shift(struct delivery *delivery)
{
	struct waiting *first = &delivery->waiting[0];

	if (first->id >= 0)
		delivery->store.forget(delivery->store.context, first->id);
	free(first->text);
	delivery->count--;
	memmove(first, first + 1, delivery->count * sizeof(*first));
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
	pid_t child = delivery->way.start(delivery->way.context, delivery->waiting[0].text);
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

	if (delivery->child || !delivery->count || delivery->is_closed)
		return;
	if (now_ns < delivery->due_ns)
		loop_set_timer(delivery->timer, delivery->due_ns - now_ns, 0);
	else
		begin(delivery);
}

/* What a service without root may is for us alone: to read all processes
 * is not what an alert needs. */
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

static bool add(struct delivery *delivery, const char *text, int64_t id)
{
	size_t waiting = delivery->count - (delivery->child != 0);
	bool fits = text && waiting < WAITING_MAX && strlen(text) < ALERT_BYTES_MAX;
	char *copy = fits ? strdup(text) : NULL;

	if (!copy) {
		delivery->dropped++;
		return false;
	}
	delivery->waiting[delivery->count++] = (struct waiting){copy, id};
	return true;
}

/* Kept first, as it may be delivered at once. */
void delivery_send(struct delivery *delivery, const char *text)
{
	if (!delivery || !add(delivery, text, -1))
		return;
	if (delivery->store.keep)
		delivery->waiting[delivery->count - 1].id =
			delivery->store.keep(delivery->store.context, text);
	attend(delivery);
}

void delivery_keep(struct delivery *delivery, const struct delivery_store *store)
{
	if (delivery)
		delivery->store = *store;
}

/* One that there is no room for is not kept any longer. */
void delivery_send_kept(struct delivery *delivery, int64_t id, const char *text)
{
	if (add(delivery, text, id))
		attend(delivery);
	else
		delivery->store.forget(delivery->store.context, id);
}

bool delivery_close(struct delivery *delivery)
{
	if (delivery)
		delivery->is_closed = true;
	return delivery && delivery->child;
}

void delivery_drop(struct delivery *delivery)
{
	for (size_t i = 0; delivery && i < delivery->count; i++) {
		struct waiting *waiting = &delivery->waiting[i];

		if (waiting->id >= 0)
			delivery->store.forget(delivery->store.context, waiting->id);
		waiting->id = -1;
	}
}

uint64_t delivery_dropped(const struct delivery *delivery)
{
	return delivery ? delivery->dropped : 0;
}

size_t delivery_waiting(const struct delivery *delivery)
{
	size_t count = 0;

	for (size_t i = 0; delivery && i < delivery->count; i++)
		count += delivery->waiting[i].id < 0;
	return count;
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
		free(delivery->waiting[i].text);
	delivery->way.free(delivery->way.context);
	free(delivery);
}
