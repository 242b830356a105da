/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_DOCTOR_H
#define UNFREED_DOCTOR_H

/*
 * `unfreed doctor`: what the kernel offers, and with -p what an attach to a process would find and
 * cost. Returns the exit status.
 */
int doctor_main(int argc, char **argv);

#endif
