/* SPDX-License-Identifier: BSD-2-Clause */
/* The writers behind the table of output.c, one file each. */
#ifndef UNFREED_FORMATS_H
#define UNFREED_FORMATS_H

#include "output.h"

output_fn output_text;
output_fn output_folded;
output_fn output_svg;
output_fn output_html;
output_fn output_json;
output_fn output_pprof;

#endif
