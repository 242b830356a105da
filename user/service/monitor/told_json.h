/* SPDX-License-Identifier: BSD-2-Clause */
/* What alerts and the page's JSON both tell. */
#ifndef UNFREED_SERVICE_MONITOR_TOLD_JSON_H
#define UNFREED_SERVICE_MONITOR_TOLD_JSON_H

#include <json-c/json.h>

#include "findings.h"
#include "groups.h"

void json_add_finding(struct json_object *object, const struct known_finding *finding);

/* What of its limit a cgroup uses, and when it comes to it. */
void json_add_limit(struct json_object *object, const struct group *group);

#endif
