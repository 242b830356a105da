/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the page asks for, as JSON: unfreed/monitor/1 of docs/formats.md, and answers whole. Never
 * command lines. Names are of the targets' making, and not escaped: whoever shows them does that.
 */
#ifndef UNFREED_SERVICE_MONITOR_API_H
#define UNFREED_SERVICE_MONITOR_API_H

#include "history.h"
#include "http.h"

struct api {
	const struct roster *roster;
	const struct history *history; /* NULL: none is kept */
	double began_s;                /* since the epoch */
};

/* Each is the `write` of an http_page whose context is an api. */
int api_write_services(void *context, const struct http_request *request, FILE *file);

/* Of what a history has: -ENOENT without one. */
int api_write_samples(void *context, const struct http_request *request, FILE *file);
int api_write_findings(void *context, const struct http_request *request, FILE *file);
int api_write_answers(void *context, const struct http_request *request, FILE *file);
int api_write_answer(void *context, const struct http_request *request, FILE *file);

#endif
