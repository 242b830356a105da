/* SPDX-License-Identifier: BSD-2-Clause */
/* What the last look found in a process of a service, as JSON: parts,
 * collector, containers, pools. */
#ifndef UNFREED_SERVICE_MONITOR_API_MEMORY_H
#define UNFREED_SERVICE_MONITOR_API_MEMORY_H

#include <json-c/json.h>

#include "roster.h"

/* A new object, the caller's; NULL where there was no look yet. */
struct json_object *api_json_of_memory(const struct watched_service *service);

#endif
