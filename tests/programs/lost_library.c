/* SPDX-License-Identifier: BSD-2-Clause */
/* A library that is loaded later, with a variable of its own; see lost_shapes.c. */
void *kept_by_library[8];
