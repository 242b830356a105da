/* SPDX-License-Identifier: BSD-2-Clause */
#include "alerts.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "../../lib/clock.h"
#include "../../lib/json.h"
#include "../../lib/quantity.h"
#include "history_alerts.h"
#include "told_json.h"

#define NEAR    0.70 /* of the limit, */
#define NO_MORE 0.65 /* and when it is over */

enum { PIDS_MAX = 64 };

static const char *const changes[] = {
	[FINDING_NEW] = "new",
	[FINDING_CHANGED] = "changed",
	[FINDING_OVER] = "over",
};

static struct json_object *alert_new(const char *kind, enum finding_change change)
{
	struct json_object *alert = json_object_new_object();

	json_add_string(alert, "schema", "unfreed/alert/1");
	json_add_string(alert, "kind", kind);
	json_add_string(alert, "change", changes[change]);
	json_object_object_add(alert, "at", json_of_time((int64_t)clock_ns(CLOCK_REALTIME)));
	return alert;
}

/* Gives the object up. */
static void send_alert(const struct alerts *alerts, struct json_object *alert)
{
	char *text = json_take_text(alert);

	delivery_send(alerts->hook, text);
	delivery_send(alerts->webhook, text);
	free(text);
}

/* Of a service, or of a cgroup: the other one is NULL. */
static struct json_object *json_of_pids(const struct roster *roster,
					const struct watched_service *service,
					const struct group *group)
{
	struct json_object *array = json_object_new_array();
	size_t count = 0;

	for (size_t i = 0; i < roster->instance_count && count < PIDS_MAX; i++) {
		const struct instance *instance = &roster->instances[i];

		if (service ? instance->service != service : instance->group != group)
			continue;
		json_object_array_add(array, json_object_new_int(instance->status.tgid));
		count++;
	}
	return array;
}

/* --- findings --- */

static char *describe(const struct known_finding *finding)
{
	const struct told_finding *told = &finding->told;
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return NULL;
	fprintf(file, "%s%s%s: %s, ", told->type ? told->type : "", told->type ? " " : "",
		told->name, verdict_name(finding->verdict));
	quantity_print_rate(file, told->rate.value);
	fputs(" MB/h", file);
	if (told->holds_bytes) {
		fputs(", holds ", file);
		quantity_print_amount(file, told->holds_bytes);
	}
	if (told->filled_by)
		fprintf(file, ", filled by %s", told->filled_by);
	else if (!told->type && told->reason) /* no name says what it is */
		fprintf(file, "; %s", told->reason);
	fclose(file);
	return text;
}

static struct json_object *json_of_alert(const struct alerts *alerts,
					 const struct watched_service *service,
					 enum finding_change change,
					 const struct known_finding *finding)
{
	struct json_object *alert = alert_new("finding", change);

	json_add_string(alert, "service", service->name);
	json_add_string(alert, "cgroup", service->group);
	json_object_object_add(alert, "pids", json_of_pids(alerts->roster, service, NULL));
	json_add_finding(alert, finding);
	return alert;
}

void alerts_finding(const struct alerts *alerts, const struct watched_service *service,
		    enum finding_change change, const struct known_finding *finding)
{
	char *text = describe(finding);

	event_tell(alerts->listener,
		   &(struct event){
			   .kind = change == FINDING_OVER ? EVENT_FINDING_OVER : EVENT_FINDING,
			   .name = service->name,
			   .text = text,
		   });
	free(text);
	send_alert(alerts, json_of_alert(alerts, service, change, finding));
}

/* --- kept --- */

static int64_t keep(void *context, const char *text)
{
	const struct alert_keeper *keeper = context;

	return history_keep_alert(keeper->history, keeper->receiver, text);
}

static void forget(void *context, int64_t id)
{
	const struct alert_keeper *keeper = context;

	history_forget_alert(keeper->history, id);
}

static void send_again(void *context, int64_t id, const char *json)
{
	const struct alert_keeper *keeper = context;
	struct json_object *alert = json_tokener_parse(json);
	char *text = NULL;

	if (json_object_is_type(alert, json_type_object)) {
		json_object_object_add(alert, "pids", json_object_new_array());
		text = json_take_text(alert);
	} else {
		json_object_put(alert);
	}
	delivery_send_kept(keeper->delivery, id, text);
	free(text);
}

void alerts_keep(struct alert_keeper *keeper, struct delivery *delivery, struct history *history,
		 const char *receiver)
{
	const struct delivery_store store = {keep, forget, keeper};

	*keeper = (struct alert_keeper){history, receiver, delivery};
	delivery_keep(delivery, &store);
	history_each_alert(history, receiver, send_again, keeper);
}

/* --- limits --- */

static void tell_limit(const struct alerts *alerts, const struct group *group, double share)
{
	struct json_object *alert;

	event_tell(alerts->listener,
		   &(struct event){
			   .kind = group->near_limit ? EVENT_NEAR_LIMIT : EVENT_NOT_NEAR_LIMIT,
			   .path = group->place.name,
			   .percent = 100 * share,
		   });
	alert = alert_new("limit", group->near_limit ? FINDING_NEW : FINDING_OVER);
	json_add_string(alert, "cgroup", group->place.name);
	json_object_object_add(alert, "pids", json_of_pids(alerts->roster, NULL, group));
	json_add_limit(alert, group);
	send_alert(alerts, alert);
}

void alerts_attend_limits(const struct alerts *alerts)
{
	const struct groups *groups = &alerts->roster->groups;

	for (size_t i = 0; i < groups->count; i++) {
		struct group *group = groups->items[i];
		double share = fmax(group_used_share(group), 0);
		bool near = share >= (group->near_limit ? NO_MORE : NEAR);

		if (near == group->near_limit)
			continue;
		group->near_limit = near;
		tell_limit(alerts, group, share);
	}
}
