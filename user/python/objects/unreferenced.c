/* SPDX-License-Identifier: BSD-2-Clause */
#include "unreferenced.h"

static bool has_print(const struct objects *objects, uint64_t address, uint32_t type,
		      uint64_t print)
{
	const struct object_reader *reader = &objects->reader;

	return python_refcount(reader->structs, object_word(reader, address)) &&
	       object_word(reader, address + OBJECT_TYPE) == objects->types.items[type].address &&
	       held_print_at(reader, address, held_room(&objects->pools, address)) == print;
}

void objects_recheck_lost(struct objects *objects)
{
	struct garbage *garbage = &objects->garbage;

	for (size_t i = 0; i < objects->types.count; i++)
		garbage->sums[i].stayed[1] = 0;
	for (size_t i = 0; i < garbage->held_count; i++) {
		const struct held_object *object = &garbage->held[i];
		uint32_t type = held_type(object->key);

		if (object->lost &&
		    has_print(objects, held_address(object->key), type, object->print))
			garbage->sums[type].stayed[1]++;
	}
}
