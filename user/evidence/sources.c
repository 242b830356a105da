/* SPDX-License-Identifier: BSD-2-Clause */
#include "sources.h"

static const struct source *const rows[] = {
	&malloc_exact,
	&python_exact,
	&python_steered,
	&python_pools,
};

const struct sources evidence_sources = {rows, sizeof(rows) / sizeof(rows[0])};
