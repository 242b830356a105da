/* SPDX-License-Identifier: BSD-2-Clause */
/* Which CPython a file holds, as PY_VERSION_HEX or with the minor number alone. */
#ifndef UNFREED_PYTHON_VERSION_H
#define UNFREED_PYTHON_VERSION_H

#include "binary.h"

/* By the path of its library, which every build carries. 0: none, or several that differ. */
uint32_t python_version_read(const struct python_binary *binary);

/* The same in the confined process. 0 also where that fails. */
uint32_t python_version_request(const struct python_binary *binary);

/* "3.11.2", "3.14.0rc1"; a version of which only the minor number is known: "3.8". */
void python_version_name(uint32_t version, char name[16]);

#endif
