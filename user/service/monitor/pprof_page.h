/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the monitor knows of services as profiles of pprof, for the tools that fetch these: `go tool
 * pprof`, Parca, Grafana's collectors. Stacks are ways to what holds memory, not calls: a container
 * within the one that holds it, and at the end of each its type; of what grows, before that the
 * stack that fills it, where that was seen.
 *
 * `?pid=` and `?target=`, a service's name, choose; without them all are in it, told apart by
 * labels. `?by=type` has types in the place of containers.
 */
#ifndef UNFREED_SERVICE_MONITOR_PPROF_PAGE_H
#define UNFREED_SERVICE_MONITOR_PPROF_PAGE_H

#include "http.h"
#include "roster.h"

/* Each is the `write` of an http_page whose context is an api. */

/* By the last look at each: the memory that it holds, resident, without
 * what is of files or shared. */
int pprof_write_heap(void *context, const struct http_request *request, FILE *file);

/* What grows, in bytes an hour: by findings, and of what these do not name by
 * the looks at one process. */
int pprof_write_growth(void *context, const struct http_request *request, FILE *file);

#endif
