/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names from a target are hostile. Here they become text that no terminal obeys, no reader mistakes
 * and no markup interprets.
 */
#ifndef UNFREED_ESCAPE_H
#define UNFREED_ESCAPE_H

#include <stdio.h>

/*
 * Prints the string with everything that is invisible or steers a terminal written out: control
 * bytes as \x1b, C1 controls, bidirectional marks and their like as \u{202e}, bytes that are no
 * UTF-8 as \xff.
 */
void escape_print(FILE *file, const char *string);

/* The same as a new string, to be freed by the caller; NULL on out of memory. */
char *escape_string(const char *string);

/*
 * The same of a name, which is cut in its middle first where it has more than `most` bytes: no
 * screen shows more of it, and escaping and counting it take time.
 */
char *escape_name(const char *name, size_t most);

/* Prints text that escape_string made, for XML and HTML content and attributes. */
void escape_print_markup(FILE *file, const char *text);

/*
 * Prints a JSON text so that it may stand in a script element of HTML and of XML: without `<`, `>`,
 * `&` and the characters that XML forbids.
 */
void escape_print_script_json(FILE *file, const char *json);

#endif
