/* SPDX-License-Identifier: BSD-2-Clause */
/* The files that frames lie in, in JSON and in the comment of saved profiles. */
#include "json_read.h"
#include "pprof.h"
#include "snapshot_json.h"

static struct json_object *json_of_module(const struct snapshot_module *module)
{
	struct json_object *object = json_object_new_object();

	json_add_string(object, "path", module->path);
	json_add_string(object, "build_id", module->build_id);
	json_add_count(object, "start", module->start);
	json_add_count(object, "limit", module->limit);
	json_add_count(object, "file_offset", module->file_offset);
	json_add_difference(object, "bias", (int64_t)module->bias);
	return object;
}

struct json_object *json_of_modules(const struct snapshot *snapshot)
{
	struct json_object *modules = json_object_new_array();

	for (size_t i = 0; i < snapshot->module_count; i++)
		json_object_array_add(modules, json_of_module(&snapshot->modules[i]));
	return modules;
}

static bool read_module(struct snapshot *snapshot, const struct json_object *object)
{
	struct snapshot_module module = {0};
	int64_t start, limit, file_offset, bias;

	if (!json_object_is_type(object, json_type_object) ||
	    !json_read_string(snapshot, object, "path", &module.path) ||
	    !json_read_optional(snapshot, object, "build_id", &module.build_id) ||
	    !json_read_difference(object, "start", &start) ||
	    !json_read_difference(object, "limit", &limit) ||
	    !json_read_difference(object, "file_offset", &file_offset) ||
	    !json_read_difference(object, "bias", &bias) || start < 0 || limit < start ||
	    file_offset < 0)
		return false;
	module.start = (uint64_t)start;
	module.limit = (uint64_t)limit;
	module.file_offset = (uint64_t)file_offset;
	module.bias = (uint64_t)bias;
	snapshot_note_module(snapshot, &module);
	return true;
}

bool modules_read(struct snapshot *snapshot, const struct json_object *array)
{
	if (!json_object_is_type(array, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(array); i++)
		if (!read_module(snapshot, json_object_array_get_idx(array, i)))
			return false;
	return true;
}
