/* SPDX-License-Identifier: BSD-2-Clause */
/* Each call of malloc and its family: the table of allocators/functions.c says which these are. */
#include "sources.h"

#include "../plan/request.h"

const struct source malloc_exact = {
	.covers = COVERS_MALLOC,
	.name = "exact",
	.asked_as = MALLOC_EXACT,
	.every_block = true,
};
