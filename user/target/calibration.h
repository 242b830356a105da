/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Functions of this program that are there to be probed: one for each kind of site, each nothing
 * but that instruction and a return.
 */
#ifndef UNFREED_CALIBRATION_H
#define UNFREED_CALIBRATION_H

#include <stdint.h>

#include "sites.h"

struct calibration_site {
	void (*function)(void);
};

/* By enum site_kind. */
extern const struct calibration_site calibration_sites[SITE_STEPPED + 1];

/* Where a function of this program lies in its file; 0 where that cannot be found. */
uint64_t calibration_file_offset(void (*function)(void));

#endif
