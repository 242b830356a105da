/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_COMMANDS_WHY_H
#define UNFREED_COMMANDS_WHY_H

/* `unfreed why`. Returns an exit status. */
int why_main(int argc, char **argv);

#endif
