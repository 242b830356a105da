/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_COMMANDS_HEAP_H
#define UNFREED_COMMANDS_HEAP_H

/* `unfreed heap`. Returns an exit status. */
int heap_main(int argc, char **argv);

#endif
