/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose a line of Python is: the user's own, or of something that was installed.
 */
#ifndef UNFREED_PYTHON_OWN_CODE_H
#define UNFREED_PYTHON_OWN_CODE_H

#include <stdbool.h>

/*
 * Whether a code object's file (co_filename; NULL: unknown) is the user's own: no standard library,
 * no installed package, and a file at all, where `<frozen importlib._bootstrap>` and `<string>` are
 * none.
 */
bool frame_is_own(const char *file);

#endif
