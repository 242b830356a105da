/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of record, and where its outputs go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "command_lines.h"
#include "commands/record_options.h"

static void put_outputs(FILE *out, const struct output_plan *plan)
{
	for (size_t i = 0; i < plan->count && plan->requests[i].format; i++)
		fprintf(out, " %s:%s", plan->requests[i].path, plan->requests[i].format->name);
	put_number(out, "top", (double)plan->options.top);
	put_number(out, "count", plan->options.count);
	put_number(out, "by", plan->options.by);
	put_flag(out, "all", plan->options.all_stacks);
	for (size_t i = 0; i < plan->options.app.count; i++)
		put_text(out, "app", plan->options.app.paths[i]);
}

static int parse_record(int argc, char **argv, FILE *out)
{
	struct record_options record;
	const struct recording_config *config = &record.config;
	const struct request *how = &config->how;
	int error = record_options_parse(argc, argv, &record);

	put_target(out, &record.target);
	put_number(out, "d", (double)config->duration_ns / 1e9);
	put_number(out, "i", (double)config->interval_ns / 1e9);
	put_number(out, "older", (double)config->older_than_ns / 1e9);
	put_text(out, "malloc", how->malloc ? malloc_request_names[how->malloc] : NULL);
	put_text(out, "python", how->python ? python_request_names[how->python] : NULL);
	put_text(out, "attach", how->attach ? attach_kind_name(how->attach) : NULL);
	put_text(out, "sites", how->sites ? sites_choice_name(how->sites) : NULL);
	put_number(out, "budget", how->budget);
	put_flag(out, "exact", how->exact);
	put_flag(out, "growth", how->growth);
	put_flag(out, "peak", how->peak);
	put_flag(out, "old", how->old);
	put_flag(out, "reachability", how->reachability);
	put_flag(out, "freeze", how->freeze);
	put_flag(out, "forks", config->follow_forks);
	put_flag(out, "native", config->native_interpreter);
	put_flag(out, "arguments", record.with_arguments);
	put_number(out, "memory", (double)config->max_memory_bytes);
	put_number(out, "blocks", config->max_blocks);
	put_number(out, "stacks", config->max_stacks);
	put_outputs(out, &record.outputs);
	record_options_release(&record);
	return error;
}

#define ROOM " blocks=1000000 stacks=65536"

static void test_record(void **state)
{
	static const struct line lines[] = {
		{"-p 1,2 3 -p 4", "1,2,3,4" ROOM " -:text"},
		{"-- ls -l", "run ls+-l" ROOM " -:text"},
		{"-d 5 -- 12 -q", "run 12+-q d=5" ROOM " -:text"},
		{"-d 1.5 -i 0.25 --older-than 3 7", "7 d=1.5 i=0.25 older=3 old" ROOM " -:text"},
		{"--older-than 0 7", "7" ROOM " -:text"},
		{"-d 315360000 7", "7 d=315360000" ROOM " -:text"},
		{"--malloc exact --python off 7", "7 malloc=exact python=off" ROOM " -:text"},
		{"--malloc off --python exact 7", "7 malloc=off python=exact" ROOM " -:text"},
		{"--python pools 7", "7 python=pools" ROOM " -:text"},
		{"--malloc auto --python auto --attach auto --sites auto 7", "7" ROOM " -:text"},
		{"--attach session --sites direct 7",
		 "7 attach=session sites=direct" ROOM " -:text"},
		{"--attach multi --sites entry 7", "7 attach=multi sites=entry" ROOM " -:text"},
		{"--attach perf --sites both 7", "7 attach=perf sites=both" ROOM " -:text"},
		{"--budget 0.1 7", "7 budget=0.1" ROOM " -:text"},
		{"--budget 50 7", "7 budget=50" ROOM " -:text"},
		{"--exact 7", "7 exact" ROOM " -:text"},
		{"--growth 7", "7 growth" ROOM " -:text"},
		{"--peak 7", "7 peak" ROOM " -:text"},
		{"--reachability --freeze --max-memory 16 7",
		 "7 reachability freeze memory=16000000" ROOM " -:text"},
		{"--follow-forks --native-interpreter --with-arguments 7",
		 "7 forks native arguments" ROOM " -:text"},
		{"--max-blocks 1 --max-stacks 16777216 7", "7 blocks=1 stacks=16777216 -:text"},
		{"--max-blocks 268435456 7", "7 blocks=268435456 stacks=65536 -:text"},
		{"",
		 "record traces a process: give its PID, --container, --cgroup, --comm or --match, or -- and "
		 "a command"},
		{"7 -- ls",
		 "give a PID, a command behind --, --container, --cgroup, --comm or --match: one of "
		 "these"},
		{"ls", "put -- in front of the command to start: \"ls\" is no process number"},
		{"1,,2", "-p needs a process number, not \"\""},
		{"1,2x", "-p needs a process number, not \"2x\""},
		{"-d 0 7", "--duration needs more than 0 seconds"},
		{"-i 0 7", "--interval needs more than 0 seconds"},
		{"-d -1 7", "--duration needs a number of seconds, not \"-1\""},
		{"-d 3s 7", "--duration needs a number of seconds, not \"3s\""},
		{"-d '' 7", "--duration needs a number of seconds, not \"\""},
		{"-i nan 7", "--interval needs a number of seconds, not \"nan\""},
		{"-i inf 7", "--interval needs a number of seconds, not \"inf\""},
		{"--older-than 315360001 7",
		 "--older-than needs a number of seconds, not \"315360001\""},
		{"--budget 0.09 7", "--budget needs a percentage from 0.1 to 50, not \"0.09\""},
		{"--budget 50.1 7", "--budget needs a percentage from 0.1 to 50, not \"50.1\""},
		{"--budget nan 7", "--budget needs a percentage from 0.1 to 50, not \"nan\""},
		{"--budget 1% 7", "--budget needs a percentage from 0.1 to 50, not \"1%\""},
		{"--attach best 7", "--attach takes auto, session, multi or perf, not \"best\""},
		{"--sites all 7", "--sites takes auto, direct, entry or both, not \"all\""},
		{"--malloc on 7", "--malloc takes auto, exact or off, not \"on\""},
		{"--python on 7", "--python takes auto, exact, pools or off, not \"on\""},
		{"--max-blocks 0 7", "--max-blocks needs a number from 1 to 268435456, not \"0\""},
		{"--max-blocks 268435457 7",
		 "--max-blocks needs a number from 1 to 268435456, not \"268435457\""},
		{"--max-stacks +1 7", "--max-stacks needs a number from 1 to 16777216, not \"+1\""},
		{"--max-stacks 1k 7", "--max-stacks needs a number from 1 to 16777216, not \"1k\""},
		{"--max-stacks 99999999999999999999 7",
		 "--max-stacks needs a number from 1 to 16777216, not \"99999999999999999999\""},
		{"--max-memory 15 7",
		 "--max-memory needs a number from 16 to 10000000, not \"15\""},
		{"--freeze 7", "--freeze stops the targets for --reachability: give that too"},
	};

	(void)state;
	check_lines(parse_record, lines);
}

static void test_outputs(void **state)
{
	static const struct line lines[] = {
		{"-o a.txt 7", "7" ROOM " a.txt:text"},
		{"-o a.json -o b.pb.gz -o - -f svg 7", "7" ROOM " a.json:json b.pb.gz:pprof -:svg"},
		{"-f folded -o a -o b.html 7", "7" ROOM " a:folded b.html:html"},
		{"-f json 7", "7" ROOM " -:json"},
		{"--top 3 --count blocks --by app --all-stacks 7",
		 "7" ROOM " -:text top=3 count=1 by=4 all"},
		{"--count blocks --count bytes --by pid 7", "7" ROOM " -:text by=1"},
		{"--by stack 7", "7" ROOM " -:text"},
		{"--by line 7", "7" ROOM " -:text by=2"},
		{"--by function 7", "7" ROOM " -:text by=3"},
		{"--by file 7", "7" ROOM " -:text by=5"},
		{"--by module 7", "7" ROOM " -:text by=6"},
		{"--app shop --app /srv/x.py 7", "7" ROOM " -:text app=shop app=/srv/x.py"},
		{"-f xml 7",
		 "no format is called \"xml\": use one of text, folded, svg, html, json, "
		 "pprof"},
		{"--top 0 7", "--top needs a number of stacks from 1 up, not \"0\""},
		{"--top -1 7", "--top needs a number of stacks from 1 up, not \"-1\""},
		{"--top 2x 7", "--top needs a number of stacks from 1 up, not \"2x\""},
		{"--top 99999999999999999999 7",
		 "--top needs a number of stacks from 1 up, not \"99999999999999999999\""},
		{"--count objects 7", "--count takes bytes or blocks, not \"objects\""},
		{"--by thread 7", "--by takes stack, pid, line, function, app, file or module, not "
				  "\"thread\""},
		{"--app '' 7", "--app needs a path"},
		{"-o - 7", "-o - needs a format: add -f with one of text, folded, svg, html, json, "
			   "pprof"},
		{"-o a 7", "the ending of a names no format: add -f with one of text, folded, svg, "
			   "html, json, pprof"},
	};

	(void)state;
	check_lines(parse_record, lines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_outputs),
	};

	return cmocka_run_group_tests_name("record options", tests, NULL, NULL);
}
