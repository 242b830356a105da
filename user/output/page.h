/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A page of HTML that loads nothing and runs nothing: what the tool writes goes to `file`, what
 * comes from a target to `text`, where it is escaped twice: for eyes by whoever prints it, and here
 * for markup.
 */
#ifndef UNFREED_PAGE_H
#define UNFREED_PAGE_H

#include <stdio.h>

struct page {
	FILE *file;
	FILE *text; /* content and attribute values; unbuffered, so that both keep their order */
};

/* Returns 0 or -ENOMEM. */
int page_init(struct page *page, FILE *file);
void page_release(struct page *page); /* accepts what init refused */

/* Up to and after the body. The title is raw. */
void page_print_head(struct page *page, const char *title, const char *style, size_t style_size);
void page_print_foot(struct page *page);

/* A raw name as text. */
void page_print_name(struct page *page, const char *name);

#endif
