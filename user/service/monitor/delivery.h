/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Alerts on their way to one receiver. Each is handed over by a child of ours, so that nothing that
 * a receiver does, or a library on the way to it, holds up who watches: one at a time, some seconds
 * apart, killed with what it started where it takes too long. What comes meanwhile waits, so many
 * of them; what comes when these are all there is dropped. How it is handed over, and what an end
 * of that means, says the way (hook.c, webhook.c).
 */
#ifndef UNFREED_SERVICE_MONITOR_DELIVERY_H
#define UNFREED_SERVICE_MONITOR_DELIVERY_H

#include <sys/types.h>

#include "../../lib/loop.h"

/* What is longer is dropped: half of what a pipe takes at once. */
enum { ALERT_BYTES_MAX = 32768 };

enum delivery_end {
	DELIVERY_DONE,
	DELIVERY_AGAIN, /* later */
	DELIVERY_DROPPED,
};

/* A child that ended. */
struct delivery_try {
	int status;    /* as wait(2) has it; a negative errno: there was no child */
	bool is_late;  /* it was killed for it */
	size_t number; /* of this alert, from 1 */
};

struct delivery_way {
	/* Starts a child; it is the leader of a process group. Returns
	 * its PID or a negative errno. */
	pid_t (*start)(void *context, const char *text);
	enum delivery_end (*judge)(void *context, const struct delivery_try *done);
	void (*free)(void *context);
	void *context; /* taken over */
	double timeout_s;
	double pause_s; /* between the beginnings of two; after a failure twice as long each time */
};

struct delivery;

/* Where those that are not delivered yet outlive us. */
struct delivery_store {
	/* Returns the number by which one is kept; negative: it is not. */
	int64_t (*keep)(void *context, const char *text);
	void (*forget)(void *context, int64_t id);
	void *context;
};

/*
 * For `start`, as fork(2), but a negative errno: the child leads a process group, its signals are
 * as if we had never touched them, and it hands no capability on to what it executes.
 */
pid_t delivery_fork(void);

/*
 * In such a child: becomes a program, with `input` as its standard input, and our standard error
 * for both of its outputs. Ends by status 126 or 127.
 */
_Noreturn void delivery_execute(const char *path, char *const *argv, int input);

/* NULL with errno: then the context is freed too. */
struct delivery *delivery_new(struct loop *loop, const struct delivery_way *way);

/* A text that is NULL is one that there was no memory for. Accepts NULL. */
void delivery_send(struct delivery *delivery, const char *text);

/* From now on what is sent is kept there until it is delivered or dropped. Accepts NULL. */
void delivery_keep(struct delivery *delivery, const struct delivery_store *store);

/* One that is kept by that number, of a delivery before this one. */
void delivery_send_kept(struct delivery *delivery, int64_t id, const char *text);

/* No more are begun. Returns whether one is on its way. Accepts NULL. */
bool delivery_close(struct delivery *delivery);

/* What waits is dropped, and kept no more. Accepts NULL. */
void delivery_drop(struct delivery *delivery);

/* How many alerts were dropped. Accepts NULL. */
uint64_t delivery_dropped(const struct delivery *delivery);

/* How many are neither delivered nor kept. Accepts NULL. */
size_t delivery_waiting(const struct delivery *delivery);

/* Ends what runs; what waits and is not kept is gone. Accepts NULL. */
void delivery_free(struct delivery *delivery);

#endif
