/* SPDX-License-Identifier: BSD-2-Clause */
/* Names from targets are bytes; what people and file formats read is UTF-8. */
#ifndef UNFREED_UTF8_H
#define UNFREED_UTF8_H

#include <stddef.h>
#include <stdint.h>

#define UTF8_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/*
 * Decodes the character at the start of a non-empty string into *code. Returns its length in bytes,
 * 0 where the bytes are no UTF-8 (overlong forms and surrogates are none).
 */
size_t utf8_decode(const char *string, uint32_t *code);

/*
 * Returns a copy with each byte that is no UTF-8 replaced by U+FFFD, to be freed by the caller;
 * NULL where the string needs none, or on out of memory (errno ENOMEM).
 */
char *utf8_repair(const char *string);

#endif
