/* SPDX-License-Identifier: BSD-2-Clause */
/* Reports on the health of services, and the sentences that both have. */
#ifndef UNFREED_OUTPUT_HEALTH_H
#define UNFREED_OUTPUT_HEALTH_H

#include <stdio.h>

#include "../analyze/health.h"

/* Writes one. Returns 0 or a negative errno. Escapes names for its format. */
typedef int health_output_fn(const struct health *health, FILE *file);

health_output_fn health_text; /* to be read, or sent, as it is */
health_output_fn health_html; /* one page that loads nothing */

/* --- sentences, without names --- */

void health_print_time(FILE *file, int64_t at);
/* `2 services, 3 findings, 1 change` */
void health_print_counts(FILE *file, const struct health *health);
/* `takes 812 MB in 5 processes, 120 MB more than at the last report` */
void health_print_size(FILE *file, const struct health *health,
		       const struct health_service *service);
/* `grows 9.1 MB/h (8.8 to 9.9) over 24 h, 9.0 (8.9 to 9.1) over 14 d` */
void health_print_growth(FILE *file, const struct health_service *service);
/* When its limit is reached; health_service.limit_bytes is there. */
void health_print_limit(FILE *file, const struct health_service *service);
/* Of Python's collector, which is known. */
void health_print_gc(FILE *file, const struct health_gc *gc);
/* `8,912 of 10,000 entries, 93 % hits` */
void health_print_cache(FILE *file, const struct health_cache *cache);
/* `4 in use, 3 idle, 15 at most` */
void health_print_pool(FILE *file, const struct health_pool *pool);
/* `9.1 MB/h (8.8 to 9.9), holds 764 MB` */
void health_print_rate(FILE *file, const struct health_finding *finding);
const char *health_change_label(enum health_change change);

#endif
