/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Contract: how many sites of a process can be counted apart, and where it was found running. */
#ifndef UNFREED_RATE_H
#define UNFREED_RATE_H

#define RATE_SITES_MAX 512

/* Where a process ran when its processor time was sampled. */
struct rate_place {
	unsigned int pid;
	unsigned int zero;
	unsigned long long address; /* of the instruction; 0: in the kernel */
};

#define RATE_PLACES_MAX 16384

#endif
