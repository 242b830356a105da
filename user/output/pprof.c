/* SPDX-License-Identifier: BSD-2-Clause */
#include "../profile/pprof.h"

#include "formats.h"

int output_pprof(const struct snapshot *snapshot, const struct output_options *options, FILE *file)
{
	(void)options;
	return profile_write(snapshot, file);
}
