/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_COMMANDS_DIFF_H
#define UNFREED_COMMANDS_DIFF_H

int diff_main(int argc, char **argv);

#endif
