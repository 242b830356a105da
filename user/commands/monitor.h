/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_COMMANDS_MONITOR_H
#define UNFREED_COMMANDS_MONITOR_H

/* `unfreed monitor`. Returns an exit status. */
int monitor_main(int argc, char **argv);

#endif
