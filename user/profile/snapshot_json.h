/* SPDX-License-Identifier: BSD-2-Clause */
/* Parts of a snapshot as JSON, as reports and saved profiles have them. */
#ifndef UNFREED_SNAPSHOT_JSON_H
#define UNFREED_SNAPSHOT_JSON_H

#include "../lib/json.h"
#include "snapshot.h"

/* Each returns a new object, the caller's. */
struct json_object *json_of_target(const struct target *target);
struct json_object *json_of_totals(const struct totals *totals);
struct json_object *json_of_modules(const struct snapshot *snapshot);
struct json_object *json_of_losses(const struct snapshot *snapshot);
struct json_object *json_of_change(const struct change *change);

/* What is lost and what holds the rest; NULL of none. */
struct json_object *json_of_reachability(const struct reachability *reachability);

/* What the blocks of a stack hold: known, reused, types; NULL of none. */
struct json_object *json_of_objects(const struct stack_objects *objects);
struct json_object *json_of_types(const struct stack_objects *objects);

/* What windows told: of a recording, and of a stack. */
struct json_object *json_of_windows(const struct recorded_windows *windows);
struct json_object *json_of_stack_growth(const struct stack_growth *growth);

/*
 * What reports and saved profiles say in the same words: version, host, mode, overhead, totals,
 * targets, modules, frees and losses. Returns NULL, or the end of a sentence that says what is
 * wrong.
 */
const char *measurement_read(struct snapshot *snapshot, const struct json_object *object);

#endif
