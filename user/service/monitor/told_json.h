/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_SERVICE_MONITOR_GROUP_JSON_H
#define UNFREED_SERVICE_MONITOR_GROUP_JSON_H

#include <json-c/json.h>

#include "groups.h"

/* What of its limit a cgroup uses, and when it comes to it, as alerts and the page's JSON have them. */
void group_add_limit(struct json_object *object, const struct group *group);

#endif
