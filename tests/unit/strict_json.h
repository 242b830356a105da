/* SPDX-License-Identifier: BSD-2-Clause */
/* What other programs are to read as JSON. */
#ifndef UNFREED_TESTS_STRICT_JSON_H
#define UNFREED_TESTS_STRICT_JSON_H

#include <json-c/json.h>

static inline struct json_object *parse_strictly(const char *text)
{
	struct json_tokener *tokener = json_tokener_new();

	/* a strict one of json-c 0.18 refuses what is not ASCII */
	json_tokener_set_flags(tokener,
			       JSON_TOKENER_VALIDATE_UTF8 |
				       (json_c_version_num() == 18 << 8 ? 0 : JSON_TOKENER_STRICT));
	struct json_object *object = json_tokener_parse_ex(tokener, text, (int)strlen(text));

	if (!object)
		fail_msg("%s: %s", json_tokener_error_desc(json_tokener_get_error(tokener)), text);
	json_tokener_free(tokener);
	return object;
}

/* `text` is freed. */
static inline void assert_json(char *text, const char *schema)
{
	struct json_object *object = parse_strictly(text);

	assert_string_equal(json_object_get_string(json_object_object_get(object, "schema")),
			    schema);
	json_object_put(object);
	free(text);
}

#endif
