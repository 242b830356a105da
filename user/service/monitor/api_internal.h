/* SPDX-License-Identifier: BSD-2-Clause */
/* What all of unfreed/monitor/1 begins with. */
#ifndef UNFREED_SERVICE_MONITOR_API_INTERNAL_H
#define UNFREED_SERVICE_MONITOR_API_INTERNAL_H

#include <json-c/json.h>

#include "api.h"

/* A new one, the caller's. */
struct json_object *api_new(void);

#endif
