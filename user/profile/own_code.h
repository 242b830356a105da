/* SPDX-License-Identifier: BSD-2-Clause */
/* Whose a frame is: the user's own, or a library's. */
#ifndef UNFREED_PROFILE_OWN_CODE_H
#define UNFREED_PROFILE_OWN_CODE_H

#include "snapshot.h"

/*
 * Of Python code, what python/own_code.h says. Of native code what lies in the executable, or in a
 * shared library that is neither the system's (in /usr, /lib*, a store of Nix or Guix) nor an
 * installed package's; but not what was brought into it: inline functions and templates of the
 * language's headers, crates of others. Of an interpreter's executable nothing is the user's, nor
 * of what it loads: `exe` is NULL there.
 */
bool frame_is_of_user(const struct frame *frame, const char *exe);

#endif
