/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a probe costs on this machine, and what an allocation takes, measured on this process: on
 * functions that are there to be probed, one for each kind of site, each nothing but that
 * instruction and a return, and on its own malloc.
 */
#ifndef UNFREED_CALIBRATION_H
#define UNFREED_CALIBRATION_H

#include "keeper.h"
#include "../allocators/sites.h"

/* Cost of one hit by the kind of its site, in ns, with a program that does next to nothing. */
struct trap_costs {
	double entry_ns[SITE_STEPPED + 1];
	double return_ns; /* on top, for a return probe */
	double pair_ns;   /* of a malloc and its free, without any probe */
};

struct calibration {
	struct keeper *keeper; /* left without probes */
	enum attach_kind kind; /* no session */
	int count_fd;          /* the program for entries */
	int return_fd;         /* and that for returns */
};

/* Where a function of this program lies in its file; 0 where that cannot be found. */
uint64_t calibration_file_offset(void (*function)(void));

/* Returns 0 or a negative errno. */
int calibration_measure(const struct calibration *calibration, struct trap_costs *costs);

#endif
