/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which of the lines that fill something comes first. Where nothing leaves that is the one that
 * fills most. Where entries leave too, such as those of requests under way, the line that puts
 * these in may fill a hundred times as much as the one whose entries stay, and its own are as many
 * as leave. So there the line comes first that put in about as many as there are more.
 */
#ifndef UNFREED_ANALYZE_FILL_ORDER_H
#define UNFREED_ANALYZE_FILL_ORDER_H

#include "answer.h"

/* Whether they are one stack. */
bool fills_share_stack(const struct answer_fill *a, const struct answer_fill *b);

/* Whether the same line is put forward for both, whoever called it. */
bool fills_share_line(const struct answer_fill *a, const struct answer_fill *b);

/* How well the line of the one at `at` explains that so many stayed: 1 where it put in as many,
 * 0.1 where it put in ten times or a tenth of that. */
double fills_explain(const struct answer_fill *fills, size_t count, size_t at, double stayed);

/* Puts those that explain it best first; `stayed`: entries. */
void fills_order(struct answer_fill *fills, size_t count, double stayed);

#endif
