/* SPDX-License-Identifier: BSD-2-Clause */
/* Sections of the page of an answer, and what the page of a report has of them. */
#ifndef UNFREED_WHY_PAGE_H
#define UNFREED_WHY_PAGE_H

#include "../analyze/answer.h"
#include "page.h"

/* Up to and after the body, with the style sheet of both. The title is raw. */
void why_page_head(struct page *page, const char *title);

/* The part of a class name that a verdict has in the style sheet. */
const char *why_page_verdict_class(enum verdict verdict);

/* A small chart; nothing where there is no line. */
void why_page_line(struct page *page, const struct answer_line *line);

/* Its type and the name by which it is reached, or its address. */
void why_page_container(struct page *page, const struct look_container *container);

/* Bytes over the time of the watch, a small chart for each line; nothing where there is none. */
void why_page_lines(struct page *page, const struct answer *answer);

/* The stacks that fill what grows, as a graph below that heading, which is raw;
 * nothing where none was seen. */
void why_page_flames(struct page *page, const struct answer *answer, const char *heading);

/* Where the memory is, what holds most of it, and of what types it is. */
void why_page_memory(struct page *page, const struct look *look);

#endif
