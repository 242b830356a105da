/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the page of `record` and its drawing share: a program that shows the stacks in tables and
 * graphs, and what it shows.
 */
#ifndef UNFREED_STACK_PAGE_H
#define UNFREED_STACK_PAGE_H

#include <stdio.h>

#include "output.h"
#include "page.h"

/* Up to and after the body's beginning, with the policy for these two. The title is escaped. */
void stack_page_print_head(struct page *page, const char *title);

/*
 * Prints the stacks and, of `merged`, the header lines as JSON that may stand in a script element:
 * what user/output/page/ reads. Returns 0 or a negative errno.
 */
int stack_page_print_data(const struct snapshot *snapshot, const struct snapshot *merged,
			  const struct output_options *options, FILE *file);

/*
 * The same of what changed: of each row also what there was before. Of the stacks of a difference
 * (see its `names`), which the page draws in red and blue.
 */
int stack_page_print_changes(const struct snapshot *names, FILE *file);

/*
 * The snapshot with the processes of one program as one, as header lines, table and picture are, in
 * *merged, to be freed by the caller; NULL where that is the snapshot itself. Returns 0 or -ENOMEM.
 */
int stack_page_merge(const struct snapshot *snapshot, const struct output_options *options,
		     struct snapshot **merged);

/* The title, escaped, to be freed by the caller. Returns 0 or a negative errno. */
int stack_page_title(const struct snapshot *snapshot, char **title);

/* The program and the style, from user/output/page/. */
void stack_page_print_script(FILE *file);
void stack_page_print_style(FILE *file);

#endif
