/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Contract: how many sites of a process can be counted apart. */
#ifndef UNFREED_RATE_H
#define UNFREED_RATE_H

#define RATE_SITES_MAX 512

#endif
