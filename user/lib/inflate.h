/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_INFLATE_H
#define UNFREED_INFLATE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Unpacks one gzip member that fills `data`. Returns 0 and a buffer in *unpacked, the caller's to
 * free, or -EBADMSG (no gzip, damaged, or followed by something else), -ENODATA (cut off), -EFBIG
 * (more than `limit` bytes come out), -ENOMEM.
 */
int gzip_inflate(const void *data, size_t size, size_t limit, uint8_t **unpacked,
		 size_t *unpacked_size);

#endif
