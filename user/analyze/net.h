/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What recording saw come and go on the whole: a cache that is full and turns over allocates, and
 * frees as much that is older than the attach. Of which stack that was is not known.
 */
#ifndef UNFREED_ANALYZE_NET_H
#define UNFREED_ANALYZE_NET_H

#include "../profile/snapshot.h"

struct net {
	int64_t bytes;          /* not freed less what was older and was freed */
	uint64_t gross_bytes;   /* not freed, of any age */
	uint64_t older_bytes;   /* freed of what was older */
	uint64_t unsized_frees; /* blocks of that whose size is unknown */
	bool at_most;           /* so many that `bytes` may be less */
	/* Whether most of what was not freed took the place of what was older: of a domain, of
	 * all. */
	bool turned[DOMAIN_COUNT];
	bool turns_over;
	bool pools; /* some of it is from an interpreter's own count of what its pools hold */
};

void net_sum(const struct snapshot *snapshot, struct net *net);

/*
 * Whether what a stack allocated leaves again within the recording: nothing of the first half of it
 * is left, and most of all is gone.
 */
bool net_stack_turns_over(const struct snapshot *snapshot, const struct stack *stack);

/* The time in which what is live can have come to be; 0: no stack has a rate. */
uint64_t net_rated_ns(const struct snapshot *snapshot, const struct net *net);

/* A stack's growth in bytes an hour; 0 where what was seen does not say. */
double net_rate_per_hour(const struct snapshot *snapshot, const struct net *net,
			 const struct stack *stack);

/* Whether what was seen says how fast a stack grows, also that it does not. */
bool net_stack_is_rated(const struct snapshot *snapshot, const struct net *net,
			const struct stack *stack);

/* The whole, likewise; *rated: whether it is known. With net->at_most it is at most so much. */
double net_total_rate_per_hour(const struct snapshot *snapshot, const struct net *net, bool *rated);

#endif
