/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of C++ as their authors wrote them: demangled, a template has all arguments, which tell
 * little more than the first of them do, and take the room that these need. */
#ifndef UNFREED_TEMPLATE_NAME_H
#define UNFREED_TEMPLATE_NAME_H

/*
 * The name without arguments that the standard library has by default, such as
 * `std::vector<Order>`, `std::map<std::string, Session>`; to be freed by the caller. NULL where
 * there is nothing to leave out, or no memory.
 */
char *template_name_short(const char *name);

#endif
