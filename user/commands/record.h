/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_RECORD_H
#define UNFREED_RECORD_H

/* `unfreed record`: traces, waits, reports. Returns the exit status. */
int record_main(int argc, char **argv);

#endif
