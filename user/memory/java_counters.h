/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a JVM says of its own heap: HotSpot keeps counters in memory that it shares by a file,
 * hsperfdata_USER/PID, for jstat. Unless it was started with -XX:-UsePerfData, or
 * -XX:+PerfDisableSharedMem, under which nobody finds them. A collection writes what it left in the
 * old generation, where all that lives for long comes to lie.
 *
 * The form: sun.jvmstat.perfdata.monitor.v2_0, or share/runtime/perfMemory.hpp of OpenJDK.
 */
#ifndef UNFREED_MEMORY_JAVA_COUNTERS_H
#define UNFREED_MEMORY_JAVA_COUNTERS_H

#include "../process/mappings.h"
#include "memory.h"

/* Where the counters are in the process; 0: unknown. */
struct java_counters {
	uint64_t old_used;    /* bytes of the old generation, as of the last collection */
	uint64_t collections; /* of the young generation, and of both */
	uint64_t full;        /* of the whole heap at once */
};

struct java_heap {
	uint64_t old_bytes;
	uint64_t collections; /* of any kind */
};

/* Returns 0, -ENOENT (no JVM, or one that tells nothing), -EPROTO (no such form),
 * or another negative errno. */
int java_counters_find(const struct mappings *mappings, const struct memory *memory,
		       struct java_counters *counters);

int java_heap_read(const struct java_counters *counters, const struct memory *memory,
		   struct java_heap *heap);

#endif
