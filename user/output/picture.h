/* SPDX-License-Identifier: BSD-2-Clause */
/* A flame graph as a picture, to scale with its page, for viewers without scripts. */
#ifndef UNFREED_PICTURE_H
#define UNFREED_PICTURE_H

#include <stdio.h>

#include "output.h"

/*
 * Prints the element <svg>, which the caller closes. The title is escaped for eyes. With a header
 * the lines about the measurement are in the picture. Returns 0 or a negative errno.
 */
int picture_print(const struct snapshot *snapshot, const struct output_options *options,
		  const char *title, bool with_header, FILE *file);

#endif
