/* SPDX-License-Identifier: BSD-2-Clause */
/* How counts, sizes, spans of time and rates read. MB = 10^6 bytes. */
#ifndef UNFREED_QUANTITY_H
#define UNFREED_QUANTITY_H

#include <stdint.h>
#include <stdio.h>

enum { QUANTITY_SIZE = 32 };

/* `12.4 MB`; `3,201`; `+1,920`; `-1.2 MB`. They return the text that they fill. */
const char *quantity_bytes(char text[QUANTITY_SIZE], uint64_t bytes);
const char *quantity_count(char text[QUANTITY_SIZE], uint64_t count);
const char *quantity_signed_bytes(char text[QUANTITY_SIZE], int64_t bytes);
const char *quantity_signed_count(char text[QUANTITY_SIZE], int64_t count);

void quantity_print_bytes(FILE *file, uint64_t bytes);
void quantity_print_signed_bytes(FILE *file, int64_t bytes);
void quantity_print_count(FILE *file, uint64_t count);
void quantity_print_amount(FILE *file, uint64_t bytes);             /* `764 MB`, `9.1 MB` */
void quantity_print_age(FILE *file, uint64_t nanoseconds);          /* `58 s`, `3.5 h` */
void quantity_print_span(FILE *file, double seconds);               /* `20 min`, `3.5 d` */
void quantity_print_percent(FILE *file, double part, double whole); /* `79 %`, `0.3 %` */
void quantity_print_rate(FILE *file, double bytes_per_hour); /* `15.2`: MB/h, without the unit */

#endif
