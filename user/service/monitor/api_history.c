/* SPDX-License-Identifier: BSD-2-Clause */
#include "api_internal.h"

#include <errno.h>

#include "../../lib/clock.h"
#include "../../lib/json.h"
#include "history_read.h"

enum { DAY_S = 86400 };

/* Gives `object` up, and what is put into it: NULL could not be read. */
static int write_with(struct json_object *object, const char *key, struct json_object *items,
		      FILE *file)
{
	json_object_object_add(object, key, items);
	if (items)
		return json_print(file, object, 0);
	json_object_put(object);
	return -EIO;
}

/* The number by that name. Returns 0, -ENOENT or -EINVAL. */
static int take_number(const struct api *api, const struct http_request *request, const char *name,
		       int64_t *number)
{
	if (!api->history)
		return -ENOENT;
	return http_number(request, name, number) ? 0 : -EINVAL;
}

/* Without numbers the last day. */
int api_write_samples(void *context, const struct http_request *request, FILE *file)
{
	const struct api *api = context;
	int64_t service, until = (int64_t)clock_s(CLOCK_REALTIME) + 1, since;
	int error = take_number(api, request, "service", &service);
	struct json_object *object;

	if (error)
		return error;
	http_number(request, "until", &until);
	since = until > DAY_S ? until - DAY_S : 0;
	http_number(request, "since", &since);
	if (since >= until)
		return -EINVAL;
	object = api_new();
	json_object_object_add(object, "service", json_object_new_int64(service));
	json_object_object_add(object, "step_s",
			       json_object_new_int64(history_step_s(since, until)));
	return write_with(object, "samples",
			  history_list_samples(api->history, service, since, until), file);
}

static int write_list(const struct api *api, const struct http_request *request, const char *key,
		      struct json_object *list(const struct history *history, int64_t service),
		      FILE *file)
{
	int64_t service;
	int error = take_number(api, request, "service", &service);
	struct json_object *object;

	if (error)
		return error;
	object = api_new();
	json_object_object_add(object, "service", json_object_new_int64(service));
	return write_with(object, key, list(api->history, service), file);
}

int api_write_findings(void *context, const struct http_request *request, FILE *file)
{
	return write_list(context, request, "findings", history_list_findings, file);
}

int api_write_answers(void *context, const struct http_request *request, FILE *file)
{
	return write_list(context, request, "answers", history_list_answers, file);
}

int api_write_answer(void *context, const struct http_request *request, FILE *file)
{
	const struct api *api = context;
	int64_t id;
	int error = take_number(api, request, "id", &id);

	return error ? error : history_write_answer(api->history, id, file);
}
