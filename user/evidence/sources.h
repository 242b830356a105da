/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sources of evidence of what is allocated, a row each: what plan/ chooses from. A source is a
 * constant: it has no state, is neither opened nor closed, and is probed by whoever carries the
 * plan out (tracer/). What it costs a target is a trap for each hit of its sites.
 *
 *	malloc_exact     each call of malloc's family, and whose stack
 *	python_exact     each block of CPython's own allocator, where the build does not inline it
 *	python_steered   the same of those that do: writes into the target, and so is asked for
 *	python_pools     pools that are taken into use; not who fills them, nor what is freed
 */
#ifndef UNFREED_EVIDENCE_SOURCES_H
#define UNFREED_EVIDENCE_SOURCES_H

#include "../plan/source.h"

extern const struct sources evidence_sources;

extern const struct source malloc_exact, python_exact, python_steered, python_pools;

#endif
