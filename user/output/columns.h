/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stream that keeps to a screen of 80 columns: what is printed to it is broken at spaces, and
 * further lines of a paragraph hang. A number stays with the word that follows it. Names are not
 * broken but shortened in the middle. Takes escaped UTF-8 only.
 */
#ifndef UNFREED_COLUMNS_H
#define UNFREED_COLUMNS_H

#include <stddef.h>
#include <stdio.h>

enum { SCREEN_COLUMNS = 80, COLUMNS_WORD = 512 };

struct columns {
	FILE *file; /* print to this */
	FILE *out;
	size_t column; /* that the next character takes */
	size_t indent; /* of further lines */
	size_t spaces; /* before the word */
	size_t word_size;
	char word[COLUMNS_WORD];
};

/* Returns 0 or -ENOMEM. Release writes what is left, and accepts what init refused. */
int columns_init(struct columns *columns, FILE *out);
void columns_release(struct columns *columns);

/* From the next break on, lines begin at `indent`. */
void columns_hang(struct columns *columns, size_t indent);

/* Spaces up to `column`: at least one, unless the line is empty. */
void columns_pad(struct columns *columns, size_t column);

/* How many columns are left on this line. */
size_t columns_left(struct columns *columns);

/*
 * Prints a raw name, escaped, in at most `room` columns of this line. Where it is longer, of a C++
 * template what is there by default is left out (template_name.h), and then its middle gives way to
 * "…": more of its end is kept than of its beginning.
 */
void columns_print_name(struct columns *columns, const char *name, size_t room);

/* The same of text that is escaped already. */
void columns_print_text(struct columns *columns, const char *text, size_t room);

/* The columns that escaped text takes. */
size_t columns_count(const char *text);

#endif
