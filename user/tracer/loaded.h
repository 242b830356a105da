/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The BPF object once it is loaded: its programs by descriptor, and those of its maps that user
 * space has mapped.
 */
#ifndef UNFREED_LOADED_H
#define UNFREED_LOADED_H

#include "../../bpf/config.h"
#include "../../bpf/growth.h"
#include "../../bpf/proof.h"
#include "../collect/ledger_view.h"
#include "../probes/attach.h"
#include "../probes/install.h"
#include "unfreed.skel.h"
#include "../unwind/tables.h"

struct loaded_config {
	enum attach_kind attach; /* a definite one */
	enum sites_choice sites;
	bool follow_forks;
	bool peak;
	bool growth;  /* with the program of page faults */
	bool settles; /* with the one that takes blocks out: settled.h */
	bool windows;
	uint32_t max_blocks;
	uint32_t max_stacks;
};

struct loaded {
	struct unfreed_bpf *skeleton;
	struct ledger_view view;
	struct unwind_memory unwind_memory;
	struct space_state *space_states; /* by number */
	struct proofs *proofs;
	struct probe_programs programs;
	struct links tracepoints;
};

/*
 * Sizes the maps, loads, maps memory, attaches the tracepoints. Returns 0 or a negative errno; what
 * is there by then is for loaded_close in both cases.
 */
int loaded_open(struct loaded *loaded, const struct loaded_config *config);

/* Accepts what is zeroed or half-built. */
void loaded_close(struct loaded *loaded);

#endif
