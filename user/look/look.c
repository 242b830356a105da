/* SPDX-License-Identifier: BSD-2-Clause */
#include "look.h"

struct look *look_new(void)
{
	struct zone *zone = zone_new();
	struct look *look = zone_alloc(zone, 1, sizeof(*look));

	look->zone = zone;
	return look;
}

void look_free(struct look *look)
{
	if (look)
		zone_free(look->zone);
}

const char *look_main_mapping(const struct look *look)
{
	return look->mapping_count ? look->mappings[0].name : NULL;
}

const char *look_part_name(enum look_part_id part)
{
	static const char *const names[] = {
#define X(id, name) [PART_##id] = name,
		LOOK_PART_LIST(X)
#undef X
	};

	return names[part];
}

const char *look_uncertain_key(enum look_uncertain cause)
{
	static const char *const keys[] = {
#define X(id, key, text) [UNCERTAIN_##id] = key,
		LOOK_UNCERTAIN_LIST(X)
#undef X
	};

	return keys[cause];
}

const char *look_uncertain_text(enum look_uncertain cause)
{
	static const char *const texts[] = {
#define X(id, key, text) [UNCERTAIN_##id] = text,
		LOOK_UNCERTAIN_LIST(X)
#undef X
	};

	return texts[cause];
}
