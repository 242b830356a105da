/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_REPORT_H
#define UNFREED_REPORT_H

/* `unfreed report PROFILE…`: renders saved profiles. argv[0] is "unfreed report". */
int report_main(int argc, char **argv);

#endif
