/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a history has, as docs/formats.md describes it: arrays of JSON, new and the caller's, each
 * of no more than so many, or NULL where it cannot be read. Times go in as seconds since the epoch.
 */
#ifndef UNFREED_SERVICE_MONITOR_HISTORY_READ_H
#define UNFREED_SERVICE_MONITOR_HISTORY_READ_H

#include <json-c/json.h>

#include "history.h"

enum {
	HISTORY_SERVICES_MAX = 200,
	HISTORY_SAMPLES_MAX = 500,
	HISTORY_FINDINGS_MAX = 200,
	HISTORY_ANSWERS_MAX = 500,
};

/* The number that it has for a service; -1: none. */
int64_t history_find_service(const struct history *history, const struct watched_service *service);

/* Those that were seen last first. */
struct json_object *history_list_services(const struct history *history);

/* How long one of the samples below stands for. */
int64_t history_step_s(int64_t since, int64_t until);

/* In order of time; where there are more, of each step the one that took most. */
struct json_object *history_list_samples(const struct history *history, int64_t service,
					 int64_t since, int64_t until);

/* The last ones first, those that are over too. */
struct json_object *history_list_findings(const struct history *history, int64_t service);

/* Their numbers and times, the last ones first. */
struct json_object *history_list_answers(const struct history *history, int64_t service);

/* Writes one whole, an unfreed/why/1. Returns 0, or -ENOENT where there is none. */
int history_write_answer(const struct history *history, int64_t id, FILE *file);

#endif
