/* SPDX-License-Identifier: BSD-2-Clause */
#include "structs.h"

#include <errno.h>

/* By minor version from 3.8 on. */
static const struct python_structs known[] = {
	{.minor = 8,
	 .type_qualname = 864,
	 .type_cached_keys = 872,
	 .function_code = 16,
	 .function_qualname = 104,
	 .function_closure = 48,
	 .generator_frame = 16,
	 .keys_usable = 24,
	 .keys_used = 32,
	 .keys_indices = 40,
	 .pool_shift = 12},
	{.minor = 9,
	 .type_qualname = 856,
	 .type_cached_keys = 864,
	 .function_code = 16,
	 .function_qualname = 104,
	 .function_closure = 48,
	 .generator_frame = 16,
	 .keys_usable = 24,
	 .keys_used = 32,
	 .keys_indices = 40,
	 .pool_shift = 12},
	{.minor = 10,
	 .type_qualname = 864,
	 .type_cached_keys = 872,
	 .function_code = 48,
	 .function_qualname = 40,
	 .function_closure = 72,
	 .generator_frame = 16,
	 .keys_usable = 24,
	 .keys_used = 32,
	 .keys_indices = 40,
	 .pool_shift = 14},
	{.minor = 11,
	 .type_qualname = 864,
	 .type_cached_keys = 872,
	 .function_code = 48,
	 .function_qualname = 40,
	 .function_closure = 72,
	 .generator_frame = 80,
	 .keys_usable = 16,
	 .keys_used = 24,
	 .keys_indices = 32,
	 .pool_shift = 14},
	{.minor = 12,
	 .type_qualname = 872,
	 .type_cached_keys = 880,
	 .function_code = 48,
	 .function_qualname = 40,
	 .function_closure = 72,
	 .generator_frame = 72,
	 .keys_usable = 16,
	 .keys_used = 24,
	 .keys_indices = 32,
	 .pool_shift = 14},
	{.minor = 13,
	 .type_qualname = 872,
	 .type_cached_keys = 880,
	 .function_code = 48,
	 .function_qualname = 40,
	 .function_closure = 72,
	 .generator_frame = 72,
	 .keys_usable = 16,
	 .keys_used = 24,
	 .keys_indices = 32,
	 .pool_shift = 14},
	{.minor = 14,
	 .type_qualname = 872,
	 .type_cached_keys = 880,
	 .function_code = 48,
	 .function_qualname = 40,
	 .function_closure = 72,
	 .generator_frame = 72,
	 .keys_usable = 16,
	 .keys_used = 24,
	 .keys_indices = 32,
	 .pool_shift = 14},
};

int python_structs_for(const struct python_layout *layout, struct python_structs *structs)
{
	unsigned int minor = layout->version >> 16 & 0xff;

	if (layout->version >> 24 != 3 || minor < known[0].minor ||
	    minor - known[0].minor >= sizeof(known) / sizeof(*known))
		return -ENOTSUP;
	*structs = known[minor - known[0].minor];
	structs->tuple_items = minor >= 14 ? 32 : 24; /* behind a hash */
	structs->frame_stack = minor >= 11 ? 64 : PYTHON_ABSENT;
	structs->keys_logarithmic = minor >= 11;
	structs->values_in_dict_from_header = minor >= 13;
	structs->frame_object_frame = minor >= 11 ? 24 : PYTHON_ABSENT;
	return 0;
}
