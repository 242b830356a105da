/* SPDX-License-Identifier: BSD-2-Clause */
/* What growth is: a leak, a cache that fills, memory kept free. */
#ifndef UNFREED_VERDICT_H
#define UNFREED_VERDICT_H

#include "answer.h"
#include "slope.h"

/* A container at one look. */
struct container_sample {
	double at_s; /* since any moment that all of a series share */
	uint64_t length;
	uint64_t bytes; /* below it; LOOK_UNKNOWN */
	uint64_t hits;  /* of a cache; LOOK_UNKNOWN */
	uint64_t misses;
	double used_s; /* processor time of its process, since any moment; 0 in all: unknown */
};

/* All that was seen of one container; what is not known is 0, but for the bound. */
struct container_history {
	const struct container_sample *samples; /* in order of time */
	size_t count;
	uint64_t bound;    /* maxsize, maxlen; LOOK_UNKNOWN: none seen. 0 is a bound */
	double watched_s;  /* its length was watched so long; 0: not at all */
	uint64_t grown;    /* entries that came while it was watched */
	uint64_t shrunk;   /* and that left */
	uint64_t by_first; /* of those that came: by the line that is put forward */
	bool emptied;      /* a line is known that takes entries out */
	bool of_objects;   /* these are its entries: it is all of a type that nothing refers to */
	bool of_value;     /* it is one value, of `bytes`, that is replaced by longer ones */
	bool stays;        /* what is in it was seen to stay: it does not turn over */
	bool turns_over;   /* what was in it was seen to be replaced: its size is a level */
	double uptime_s;   /* of the process, at the last sample */
	double age_s;      /* of the container, where it is known to be younger; 0: unknown */
	double steady_s;   /* kept history shows that it has grown steadily so long; 0: none */
};

/*
 * Fills verdict, rate, holds_bytes, reason, watched_s and evidence of a finding, and nothing else;
 * the reason lives in `zone`. Returns false where there is nothing to find: no growth that is more
 * than chance, a bounded container that is full.
 */
bool verdict_of_container(const struct container_history *history, struct zone *zone,
			  struct finding *finding);

/* Whether it is cleared again and again, and more is left each time: see rising.h. */
bool verdict_is_rising(const struct container_history *history);

/*
 * The same of memory that an allocator keeps free (python_free, malloc_free_returnable,
 * malloc_free_pinned, malloc_cache; false for all other parts): `bytes` as its owner counts them.
 * Less than 1 MB more is nothing to tell.
 */
bool verdict_of_part(enum look_part_id part, const struct sample *bytes, size_t count,
		     struct zone *zone, struct finding *finding);

/*
 * The same of memory that it shares with others: `bytes` are its own share of what has been
 * touched, `mapped_bytes` how much of that kind is mapped, at each look. What is mapped is the
 * bound, unless it becomes more as well. Less than 250 kB more is nothing to tell; less than 64 kB
 * where as much more is mapped.
 */
bool verdict_of_shared(const struct sample *bytes, const struct sample *mapped_bytes, size_t count,
		       struct zone *zone, struct finding *finding);

/*
 * The same of what it has by its open files alone, at each look, and as it is `now`: of files
 * without a name, and of what waits in sockets. Less than 250 kB more is nothing to tell.
 */
bool verdict_of_open_files(const struct sample *bytes, size_t count, const struct open_memory *now,
			   struct zone *zone, struct finding *finding);
bool verdict_of_sockets(const struct sample *bytes, size_t count, const struct open_memory *now,
			struct zone *zone, struct finding *finding);

#define WARM_UP_S 600.0 /* so long a process is young: it takes in what it will not take in again */

/* What a collector that moves objects leaves where those lie that live for long. */
struct survivors {
	const struct sample *bytes; /* after collections */
	size_t count;
	uint64_t collections; /* that were made meanwhile */
	bool fell;            /* after one of them there was less than before */
	double uptime_s;      /* of the process */
};

/* The same of that: less than 1 MB more is nothing to tell. */
bool verdict_of_survivors(const struct survivors *survivors, struct zone *zone,
			  struct finding *finding);

#endif
