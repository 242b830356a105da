/* SPDX-License-Identifier: BSD-2-Clause */
/* The command lines of heap, why, diff and monitor, and how each names a process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/wait.h>

#include "command_lines.h"
#include "commands/diff_options.h"
#include "commands/heap_options.h"
#include "commands/monitor_options.h"
#include "commands/why_options.h"

static int parse_heap(int argc, char **argv, FILE *out)
{
	struct heap_options heap;
	int error = heap_options_parse(argc, argv, &heap);

	put_target(out, &heap.target);
	put_look(out, &heap.look);
	put_text(out, "core", heap.core);
	put_text(out, "root", heap.root);
	put_number(out, "i", heap.interval_s);
	put_number(out, "looks", (double)heap.looks);
	put_number(out, "top", (double)heap.top);
	put_flag(out, "lost", heap.lost);
	put_flag(out, "freeze", heap.freeze);
	put_text(out, "holders", heap.holders);
	put_text(out, "diff", heap.diff);
	put_text(out, "watch", heap.watch);
	put_number(out, "d", heap.watch_s);
	put_flag(out, "forks", heap.follow_forks);
	put_text(out, "o", heap.output);
	put_text(out, "f", heap.format ? heap.format->name : NULL);
	target_choice_release(&heap.target);
	return error;
}

static int parse_why(int argc, char **argv, FILE *out)
{
	struct why_options why;
	int error = why_options_parse(argc, argv, &why);

	put_target(out, &why.target);
	put_look(out, &why.look);
	put_number(out, "d", why.duration_s);
	put_number(out, "top", (double)why.top);
	put_number(out, "above", why.fail_above_bytes);
	for (size_t i = 0; i < why.output_count; i++)
		put_text(out, "o", why.outputs[i]);
	target_choice_release(&why.target);
	return error;
}

static int parse_diff(int argc, char **argv, FILE *out)
{
	struct diff_options diff;
	int error = diff_options_parse(argc, argv, &diff);

	fprintf(out, "%s to %s", diff.before, diff.after);
	for (size_t i = 0; i < diff.output_count && diff.outputs[i].format; i++)
		fprintf(out, " %s:%s", diff.outputs[i].path, diff.outputs[i].format->name);
	put_number(out, "top", (double)diff.top);
	put_number(out, "above", diff.fail_above_bytes);
	put_text(out, "without", diff.suppressions);
	return error;
}

static int parse_monitor(int argc, char **argv, FILE *out)
{
	enum exit_status status;
	struct monitor_setup *setup = monitor_setup_new(argc, argv, &status);

	if (!setup)
		return status;
	const struct monitor_command *monitor = &setup->command;

	put_target(out, &monitor->target);
	put_look(out, &monitor->look);
	put_number(out, "budget", monitor->budget_percent);
	put_number(out, "d", monitor->duration_s);
	put_number(out, "i", monitor->interval_s);
	put_text(out, "exec", monitor->hook);
	put_text(out, "webhook", monitor->webhook);
	put_text(out, "history", monitor->history);
	put_number(out, "size", monitor->history_mb);
	put_text(out, "report", monitor->report);
	put_flag(out, "now", monitor->report_now);
	put_text(out, "at", monitor->address);
	put_text(out, "host", monitor->host);
	put_text(out, "token", monitor->token_path);
	monitor_setup_free(setup);
	return 0;
}

static void test_targets(void **state)
{
	static const struct line lines[] = {
		{"12", "12 top=10 f=text"},
		{"-p 12", "12 top=10 f=text"},
		{"4194304", "4194304 top=10 f=text"},
		{"--container ab12", "container:ab12 top=10 f=text"},
		{"--cgroup system.slice/x", "cgroup:system.slice/x top=10 f=text"},
		{"--comm shop", "comm:shop top=10 f=text"},
		{"",
		 "heap looks at a process: give its PID, --container, --cgroup, --comm or --match"},
		{"0", "-p needs a process number, not \"0\""},
		{"-p -1", "-p needs a process number, not \"-1\""},
		{"12x", "-p needs a process number, not \"12x\""},
		{"shop", "-p needs a process number, not \"shop\""},
		{"-p ''", "-p needs a process number, not \"\""},
		{"12,13", "-p needs a process number, not \"12,13\""},
		{"4194305", "no process has a number above 4194304: \"4194305\""},
		{"12 13", "heap looks at one process: \"13\" is one too many"},
		{"--container ''", "--container needs an ID, not \"\""},
		{"--cgroup ''", "--cgroup needs a path below /sys/fs/cgroup, not \"\""},
		{"--comm ''", "--comm needs a name, not \"\""},
		{"--comm a --comm b",
		 "--container, --cgroup, --comm and --match: give one of them, once"},
		{"12 --comm a",
		 "give a PID, or --container, --cgroup, --comm or --match: one of these"},
	};

	(void)state;
	check_lines(parse_heap, lines);
}

static void test_heap(void **state)
{
	static const struct line lines[] = {
		{"-i 2 --looks 3 --top 5 7", "7 i=2 looks=3 top=5 f=text"},
		{"-i 0.001 7", "7 i=0.001 top=10 f=text"},
		{"--lost 7", "7 i=1 looks=5 top=10 lost f=text"},
		{"--lost --looks 2 7", "7 i=1 looks=2 top=10 lost f=text"},
		{"--lost -i 3 --freeze 7", "7 i=3 top=10 lost freeze f=text"},
		{"--lost --core c", " core=c top=10 lost f=text"},
		{"--core c --root r", " core=c root=r top=10 f=text"},
		{"--watch x -d 3 --follow-forks 7", "7 top=10 watch=x d=3 forks f=text"},
		{"--holders dict -f dot 7", "7 top=10 holders=dict f=dot"},
		{"--holders dict -o a.svg 7", "7 top=10 holders=dict o=a.svg f=svg"},
		{"-o a.json --diff b.json 7", "7 top=10 diff=b.json o=a.json f=json"},
		{"-o a.json -f text 7", "7 top=10 o=a.json f=text"},
		{"-o a 7", "7 top=10 o=a f=text"},
		{"--with-keys --max-memory 20.5 7", "7 keys memory=20500000 top=10 f=text"},
		{"-f xml 7", "-f takes text, json, dot or svg, not \"xml\""},
		{"-f dot 7", "dot shows who holds what: it needs --holders WHAT"},
		{"-o a.svg 7", "svg shows who holds what: it needs --holders WHAT"},
		{"-o a -o b 7", "heap writes one file: give -o once"},
		{"--root r 7", "--root is where the files of a core are: it needs --core FILE"},
		{"-d 3 7", "-d is how long --watch takes: say what to watch"},
		{"--follow-forks 7", "--follow-forks is about --watch: say what to watch"},
		{"--watch x --holders y 7",
		 "--watch and --holders are two questions: ask one at a time"},
		{"--lost --looks 1 7", "--lost needs two looks at least: say --looks 2 or more"},
		{"--freeze 7", "--freeze stops the process for --lost: give that too"},
		{"--looks 3 7", "--looks needs -i SECS between them"},
		{"--looks 1.5 7", "--looks needs a whole number, not \"1.5\""},
		{"--looks 1001 7", "--looks needs a number from 1 to 1000, not \"1001\""},
		{"--top 0 7", "--top needs a number from 1 to 10000, not \"0\""},
		{"-i 0 7", "--interval needs a number from 0.001 to 86400, not \"0\""},
		{"-i 86401 7", "--interval needs a number from 0.001 to 86400, not \"86401\""},
		{"-i inf 7", "--interval needs a number from 0.001 to 86400, not \"inf\""},
		{"-i 2s 7", "--interval needs a number from 0.001 to 86400, not \"2s\""},
		{"-d 0.05 --watch x 7",
		 "--duration needs a number from 0.1 to 86400, not \"0.05\""},
	};
	static const char *const of_processes[][2] = {
		{"7", "a process"},       {"--comm a", "a process"}, {"-i 1", "-i"},
		{"--looks 2", "--looks"}, {"--watch x", "--watch"},  {"-d 3", "-d"},
		{"--freeze", "--freeze"},
	};

	(void)state;
	check_lines(parse_heap, lines);
	for (size_t i = 0; i < sizeof(of_processes) / sizeof(of_processes[0]); i++) {
		char words[64], says[128];

		snprintf(words, sizeof(words), "--core c %s", of_processes[i][0]);
		snprintf(says, sizeof(says),
			 "--core looks into a file, which does not change: it does not go with %s",
			 of_processes[i][1]);
		check_line(parse_heap, &(struct line){words, says});
	}
}

static void test_why(void **state)
{
	static const struct line lines[] = {
		{"7", "7 d=120 above=-1"},
		{"-d 1 --top 1000 7", "7 d=1 top=1000 above=-1"},
		{"-d 604800 -- shop -x", "run shop+-x d=604800 above=-1"},
		{"-o a.json -o - 7", "7 d=120 above=-1 o=a.json o=-"},
		{"--with-keys 7", "7 keys d=120 above=-1"},
		{"--fail-above 1MB/h 7", "7 d=120 above=1000000"},
		{"--fail-above 0 7", "7 d=120"},
		{"--fail-above 2e6 7", "7 d=120 above=2000000"},
		{"--fail-above 5B 7", "7 d=120 above=5"},
		{"--fail-above 1.5kB 7", "7 d=120 above=1500"},
		{"--fail-above 3GB/h 7", "7 d=120 above=3000000000"},
		{"--fail-above 1MB/s 7", "--fail-above needs a rate such as 1MB/h, not \"1MB/s\""},
		{"--fail-above 1TB 7", "--fail-above needs a rate such as 1MB/h, not \"1TB\""},
		{"--fail-above MB/h 7", "--fail-above needs a rate such as 1MB/h, not \"MB/h\""},
		{"--fail-above -1 7", "--fail-above needs a rate such as 1MB/h, not \"-1\""},
		{"--fail-above 1e18 7", "--fail-above needs a rate such as 1MB/h, not \"1e18\""},
		{"--fail-above 1megabyt 7",
		 "--fail-above needs a rate such as 1MB/h, not \"1megabyt\""},
		{"-d 0.5 7", "--duration needs a number from 1 to 604800, not \"0.5\""},
		{"--top 1001 7", "--top needs a number from 1 to 1000, not \"1001\""},
		{"7 8", "why asks about one process: \"8\" is one too many"},
	};
	char words[256] = "";

	(void)state;
	check_lines(parse_why, lines);
	for (int i = 0; i < WHY_OUTPUTS_MAX + 1; i++)
		strcat(words, "-o a ");
	strcat(words, "7");
	check_line(parse_why, &(struct line){words, "-o can be given 16 times"});
	check_line(parse_why, &(struct line){words + strlen("-o a "),
					     "7 d=120 above=-1 o=a o=a o=a o=a o=a o=a o=a o=a o=a "
					     "o=a o=a o=a o=a o=a o=a o=a"});
}

static void test_diff(void **state)
{
	static const struct line lines[] = {
		{"a b", "a to b -:text above=-1"},
		{"-f json a b", "a to b -:json above=-1"},
		{"-o c.html -o d -f folded a b", "a to b c.html:html d:folded above=-1"},
		{"-o c.txt -o d.folded -o e.json -o f a b",
		 "a to b c.txt:text d.folded:folded e.json:json f:text above=-1"},
		{"--top 100000 --suppressions s --fail-above 1kB a b",
		 "a to b -:text top=100000 above=1000 without=s"},
		{"", "diff needs two files: one from before, one from after"},
		{"a", "diff needs two files: one from before, one from after"},
		{"a b c", "diff needs two files: one from before, one from after"},
		{"-f svg a b", "no format is called \"svg\": use one of text, folded, html, json"},
		{"--top 100001 a b", "--top needs a number from 1 to 100000, not \"100001\""},
	};
	char words[256] = "";

	(void)state;
	check_lines(parse_diff, lines);
	for (int i = 0; i < DIFF_OUTPUTS_MAX + 1; i++)
		strcat(words, "-o a ");
	strcat(words, "b c");
	check_line(parse_diff, &(struct line){words, "-o can be given 16 times"});
}

#define PAGE " at=127.0.0.1:9873"

static void test_monitor(void **state)
{
	static const struct line lines[] = {
		{"1 2", "1,2 budget=1 d=120 i=10 size=256" PAGE},
		{"--comm a --budget 0 -d 1 -i 0.1", "comm:a d=1 i=0.1 size=256" PAGE},
		{"7 --budget 100 -d 3600 -i 3600", "7 budget=100 d=3600 i=3600 size=256" PAGE},
		{"7 --exec /x --webhook http://h/ --host shop.example --listen [::1]:0",
		 "7 budget=1 d=120 i=10 exec=/x webhook=http://h/ size=256 at=[::1]:0 "
		 "host=shop.example"},
		{"7 --history h --history-size 1 --report r --token-file t",
		 "7 budget=1 d=120 i=10 history=h size=1 report=r" PAGE " token=t"},
		{"--report-now --history h", " budget=1 d=120 i=10 history=h size=256 now" PAGE},
		{"7 --with-keys --max-memory 16",
		 "7 keys memory=16000000 budget=1 d=120 i=10 size=256" PAGE},
		{"",
		 "monitor watches a process: give its PID, --container, --cgroup, --comm or --match"},
		{"7 --budget 101", "--budget needs a number from 0 to 100, not \"101\""},
		{"7 -d 0", "--duration needs a number from 1 to 3600, not \"0\""},
		{"7 -i 0.01", "--interval needs a number from 0.1 to 3600, not \"0.01\""},
		{"7 --history-size 0",
		 "--history-size needs a number from 1 to 1000000, not \"0\""},
		{"7 --host a/b", "--host needs the name of a machine, not \"a/b\""},
		{"7 --report r", "--report needs the file of --history"},
		{"--report-now", "--report-now needs the file of --history"},
	};

	(void)state;
	check_lines(parse_monitor, lines);
}

/* A file of options counts below the command line; targets are of one of them. */
static void test_monitor_file(void **state)
{
	char path[] = "/tmp/unfreed-options-XXXXXX", words[128], says[256];
	static const struct {
		const char *text, *words, *says;
	} cases[] = {
		{"budget = 2\ninterval = 3\n", "7 -i 4", "7 budget=2 d=120 i=4 size=256" PAGE},
		{"pid = 8\nwith-keys = yes\n", "", "8 keys budget=1 d=120 i=10 size=256" PAGE},
		{"comm = a\nduration = 5\n", "7", "7 budget=1 d=5 i=10 size=256" PAGE},
		{"with-keys = no\n", "7", "7 budget=1 d=120 i=10 size=256" PAGE},
		{"\nbudget = x\n", "7",
		 "%s, line 2: --budget needs a number from 0 to 100, not \"x\""},
		{"report-now = yes\n", "7", "%s, line 1: there is no option \"report-now\""},
	};
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, cases[i].text, strlen(cases[i].text), 0),
				 strlen(cases[i].text));
		snprintf(words, sizeof(words), "--config %s %s", path, cases[i].words);
		snprintf(says, sizeof(says), cases[i].says, path);
		check_line(parse_monitor, &(struct line){words, says});
	}
	close(fd);
	unlink(path);
}

static void test_same_start(void **state)
{
	static const struct {
		const char *words;
		bool same;
	} cases[] = {
		{"7 --history h", true},
		{"7 --history h --budget 3 -d 9 --exec /x --webhook u --with-keys", true},
		{"8 --history h", false},
		{"7 8 --history h", false},
		{"--comm a --history h", false},
		{"7", false},
		{"7 --history g", false},
		{"7 --history h --history-size 9", false},
		{"7 --history h --report r", false},
		{"7 --history h --listen 127.0.0.1:0", false},
		{"7 --history h --token-file t", false},
		{"7 --history h --host shop", false},
		{"7 --history h -i 9", false},
	};
	char first_text[] = "7 --history h", *words[WORDS_MAX];
	enum exit_status status;
	struct monitor_setup *first = monitor_setup_new(split(first_text, words), words, &status);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = strdup(cases[i].words), *others[WORDS_MAX];
		struct monitor_setup *second =
			monitor_setup_new(split(text, others), others, &status);

		assert_non_null(second);
		if (monitor_setup_same_start(first, second) != cases[i].same)
			fail_msg("%s", cases[i].words);
		monitor_setup_free(second);
		free(text);
	}
	monitor_setup_free(first);
}

/* What getopt refuses ends the program, with its one sentence. */
static void test_unknown_option(void **state)
{
	static const struct line line = {"--no-such 7", ""};
	struct said said = said_begin(STDERR_FILENO);
	pid_t child = fork();
	int status;

	(void)state;
	if (!child) {
		check_line(parse_why, &line);
		_exit(0);
	}
	waitpid(child, &status, 0);
	free(said_end(&said));
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), STATUS_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_targets),    cmocka_unit_test(test_heap),
		cmocka_unit_test(test_why),        cmocka_unit_test(test_diff),
		cmocka_unit_test(test_monitor),    cmocka_unit_test(test_monitor_file),
		cmocka_unit_test(test_same_start), cmocka_unit_test(test_unknown_option),
	};

	return cmocka_run_group_tests_name("command options", tests, NULL, NULL);
}
