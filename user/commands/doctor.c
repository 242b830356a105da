/* SPDX-License-Identifier: BSD-2-Clause */
#include "doctor.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target_options.h"
#include "doctor_python.h"
#include "../service/reading.h"
#include "../lib/capabilities.h"
#include "../lib/command_line.h"
#include "../lib/escape.h"
#include "../lib/quantity.h"
#include "../memory/budget.h"
#include "../service/patient.h"
#include "../service/survey.h"
#include "../probes/check.h"

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	(void)argument;
	switch (key) {
	case ARGP_KEY_INIT:
		command_line_init(state);
		state->child_inputs[0] = state->input;
		return 0;
	case ARGP_KEY_FINI:
		command_line_release(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {{&target_options_one, 0, NULL, 0}, {0}};

static const struct argp argp = {
	.parser = parse_option,
	.children = children,
	.args_doc = "[[-p] PID]",
	.doc = "Says what this kernel offers and what tracing costs here; of a process also which "
	       "allocators it has, where probes would go, how often they would fire, and how much "
	       "that "
	       "would slow the process. Attaches probes that only count, for half a second.",
};

static const char *yes_no(bool value)
{
	return value ? "yes" : "no";
}

static void print_kernel(const struct kernel *kernel)
{
	char text[256];

	printf("kernel\n");
	printf("  release              %s\n", kernel->release);
	printf("  may load programs    %s%s\n", kernel->privileged ? "yes" : "no, ",
	       kernel->privileged ? "" : capabilities_of_bpf(text, sizeof(text)));
	printf("  PID namespace        %s\n",
	       kernel->host_pids ? "the host's" : "another: run on the host, or share its PIDs");
	printf("  type information     %s\n",
	       kernel->btf ? "yes"
			   : "no: /sys/kernel/btf/vmlinux is missing (CONFIG_DEBUG_INFO_BTF)");
	printf("  session probes       %s\n", yes_no(kernel->session));
	printf("  multi probes         %s\n", yes_no(kernel->multi));
	printf("  perf probes          %s\n", yes_no(kernel->perf));
	printf("  --attach auto        %s\n",
	       kernel_best_attach(kernel) == ATTACH_AUTO
		       ? "none: this kernel cannot probe user space"
		       : attach_kind_name(kernel_best_attach(kernel)));
	printf("  seccomp hazard       %s\n",
	       kernel->return_kills_seccomp
		       ? "yes: targets under seccomp are refused (CVE-2025-21834)"
		       : "no");
}

static void print_costs(const struct trap_costs *costs)
{
	printf("\ncost of a probe here (ns a hit)\n");
	for (int kind = 0; kind <= SITE_STEPPED; kind++)
		printf("  %-20s %.0f\n", site_kind_name(kind), costs->entry_ns[kind]);
	printf("  %-20s %.0f\n", "return, on top", costs->return_ns);
}

/* The end of a function may lie before it, in another one that it jumps to. */
static void print_site(const struct site_rate *rate)
{
	const struct site *site = rate->site;
	char name[80];

	snprintf(name, sizeof(name), "%s%s", site->function->name, rate->at_return ? ", end" : "");
	printf("  %-28s %+-6d %-16s %-24s %.0f\n", name, (int)site->skipped,
	       site_kind_name(site->kind), site->instruction, rate->calls_per_s);
}

/* They stand for the function's entry and its return. */
static void print_direct(const struct allocator *allocator)
{
	for (size_t i = 0; allocator && i < allocator->direct_count; i++) {
		const struct site *site = &allocator->direct_sites[i];
		char name[80];

		snprintf(name, sizeof(name), "%s, %s", site->function->name,
			 site->role == ROLE_NOTE ? "note" : "direct");
		printf("  %-28s %+-6d %-16s %s\n", name, (int)site->skipped,
		       site_kind_name(site->kind), site->instruction);
	}
}

static void print_allocator(const struct allocator *allocator)
{
	printf("\nallocator ");
	escape_print(stdout, allocator->path);
	printf(" (%s)\n", allocator->kind);
	printf("  %-28s %-6s %-16s %-24s %s\n", "function", "site", "kind", "instruction",
	       "calls/s");
}

static void print_sites(const struct estimate *estimate)
{
	const struct allocator *allocator = NULL;

	for (size_t i = 0; i < estimate->rate_count; i++) {
		const struct site_rate *rate = &estimate->rates[i];

		if (rate->allocator != allocator) {
			print_direct(allocator);
			allocator = rate->allocator;
			print_allocator(allocator);
		}
		print_site(rate);
	}
	print_direct(allocator);
}

static void print_skipped(const char *skipped)
{
	printf("  files not read       ");
	escape_print(stdout, skipped);
	printf("\n");
}

static void print_hidden(const struct allocators *allocators)
{
	for (size_t i = 0; i < allocators->hidden_count; i++) {
		printf("\nallocator ");
		escape_print(stdout, allocators->hidden[i].path);
		printf(" (%s)\n  its functions have no names (stripped): what is allocated with it "
		       "is not seen\n",
		       allocators->hidden[i].kind);
	}
}

static void print_target(pid_t pid, const struct process_status *status,
			 const struct target_check *check)
{
	const struct estimate *estimate = &check->estimate;
	char cost[ESTIMATE_COST_SIZE];

	printf("\nprocess %d (", (int)pid);
	escape_print(stdout, status->comm);
	printf(")\n");
	printf("  threads              %d\n", status->threads);
	printf("  seccomp              %s\n", status->seccomp ? "yes" : "no");
	printf("  processors in use    %.2f\n", estimate->cpu_used);
	if (check->skipped)
		print_skipped(check->skipped);
	print_sites(estimate);
	print_hidden(check->allocators);
	printf("\nover %.1f s: %.0f calls/s; exact recording would add %s\n", estimate->window_s,
	       estimate->calls_per_s, estimate_cost_text(estimate, cost));
}

/* Worth a word: a MB, and more than malloc's blocks take. */
#define OWN_MAPPINGS_LEAST 1000000u

/* Memory that no probe on malloc accounts for: a runtime's heap, buffers, a nameless
 * allocator's. */
static void print_own_mappings(const struct procfs *procfs, struct confined *confined, pid_t pid)
{
	struct patient patient;
	struct failure failure;
	struct look *look;
	uint64_t own;

	if (patient_open(&patient, procfs, confined, pid, budget_default(), &failure))
		return;
	look = patient_look(&patient, false, &failure) ? NULL : patient_report(&patient, NULL);
	patient_close(&patient);
	own = look && look->parts_known ? look->parts[PART_ANONYMOUS].resident_bytes : 0;
	if (own >= OWN_MAPPINGS_LEAST && own > look->parts[PART_MALLOC_LIVE].resident_bytes) {
		printf("\nof its memory ");
		quantity_print_bytes(stdout, own);
		printf(" is in mappings that it made itself, not by malloc");
		if (look_main_mapping(look)) {
			printf(": ");
			escape_print(stdout, look_main_mapping(look));
		}
		printf("\nwhat allocates there (mmap, a runtime's heap, an allocator without "
		       "names) is "
		       "not seen\n");
	}
	look_free(look);
}

static int examine_target(const struct kernel *kernel, struct confined *confined, pid_t pid,
			  struct failure *failure)
{
	struct procfs procfs = {.root = "/proc"};
	const struct check_request request = {
		.procfs = &procfs,
		.confined = confined,
		.kind = kernel_best_attach(kernel),
		.window = {500, 2000},
	};
	struct process_status status;
	struct target_check check;

	if (target_check_exists(&procfs, pid, failure) ||
	    survey_process(&procfs, &(struct request){0}, kernel, pid, failure) ||
	    survey_cost(&check, pid, &request, failure))
		return -1;
	if (!procfs_read_status(&procfs, pid, &status)) {
		print_costs(&check.estimate.costs);
		print_target(pid, &status, &check);
		print_own_mappings(&procfs, confined, pid);
		doctor_print_python(&procfs, confined, pid,
				    estimate_nops_emulated(&check.estimate.costs));
	}
	target_check_release(&check);
	return 0;
}

static int examine(const struct kernel *kernel, struct confined *confined, pid_t pid,
		   struct failure *failure)
{
	struct trap_costs costs;

	if (survey_probes(kernel, failure))
		return -1;
	if (pid)
		return examine_target(kernel, confined, pid, failure);
	if (estimate_trap_costs(kernel_best_attach(kernel), &costs, failure))
		return -1;
	print_costs(&costs);
	return 0;
}

static int look(struct target_choice *target)
{
	const struct procfs procfs = {.root = "/proc"};
	struct reading reading;
	struct failure failure;
	struct kernel kernel;
	int status = STATUS_OK;

	if (reading_begin(&reading, &failure)) {
		message_error("%s", failure.text);
		return failure.status;
	}
	kernel_probe(&kernel);
	print_kernel(&kernel);
	if (target_choice_resolve(target, &procfs, &failure) ||
	    examine(&kernel, reading.confined, target_choice_pid(target), &failure)) {
		fflush(stdout);
		message_error("%s", failure.text);
		status = failure.status;
	}
	reading_end(&reading);
	return status;
}

int doctor_main(int argc, char **argv)
{
	struct target_choice target = {.verb = "doctor looks at", .may_be_none = true};
	int status = STATUS_USAGE;

	if (!argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &target))
		status = look(&target);
	target_choice_release(&target);
	return status;
}
