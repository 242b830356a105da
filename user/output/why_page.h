/* SPDX-License-Identifier: BSD-2-Clause */
/* Sections of the page of an answer. */
#ifndef UNFREED_WHY_PAGE_H
#define UNFREED_WHY_PAGE_H

#include "../analyze/answer.h"
#include "page.h"

/* Its type and the name by which it is reached, or its address. */
void why_page_container(struct page *page, const struct look_container *container);

/* Bytes over the time of the watch, a small chart for each line; nothing where there is none. */
void why_page_lines(struct page *page, const struct answer *answer);

/* Where the memory is, what holds most of it, and of what types it is. */
void why_page_memory(struct page *page, const struct look *look);

#endif
