/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a monitor has seen, in one file of SQLite: what services took, their findings, and each
 * answer whole. A monitor that is started anew goes on with it; one that is killed loses nothing
 * but what it was writing. Where it cannot be written, for want of room, that is said once, and
 * tried again with the next. What is old is thinned, and what is oldest goes where the file would
 * become too large. docs/formats.md describes the tables.
 */
#ifndef UNFREED_SERVICE_MONITOR_HISTORY_H
#define UNFREED_SERVICE_MONITOR_HISTORY_H

#include "roster.h"

struct history;

/*
 * Opens the file, which is made where there is none, for us alone. Of what is in use in it no
 * more than `bytes_max` is kept. NULL with `failure` filled: it cannot be opened, is no such
 * file, or others can change it.
 */
struct history *history_open(const char *path, uint64_t bytes_max, const struct listener *listener,
			     struct failure *failure);

/* How often it could not be written; accepts NULL. */
uint64_t history_not_written(const struct history *history);

/* Accepts NULL. */
void history_close(struct history *history);

/* The findings that a service, which must have none, had when it was watched last. */
void history_recall(struct history *history, struct watched_service *service, double now_s);

/* What all services take; once a minute, however often it is called. */
void history_add_samples(struct history *history, const struct roster *roster, double now_s);

/* The findings of a service as they are now; those that it has no more are over. */
void history_add_findings(struct history *history, const struct watched_service *service,
			  double now_s);

/* What an inquiry answered: the text of an unfreed/why/1. */
void history_add_answer(struct history *history, const struct watched_service *service,
			const char *json);

/* What a look told, as told_write_look() writes it. */
void history_add_look(struct history *history, const struct watched_service *service,
		      const char *json);

/* That there is a report of this moment, in seconds since the epoch; and the last one, -1: none. */
void history_add_report(struct history *history, int64_t at);
int64_t history_last_report(const struct history *history);

#endif
