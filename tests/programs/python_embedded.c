/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program that embeds an interpreter from libpython, as application servers do:
 *   python_embedded idle           waits in C, with no Python code running
 *   python_embedded interpreters   three interpreters, the second of which calls getppid() from
 *                                  Python in a loop
 * Says "ready" and goes on until it is killed.
 */
#include <Python.h>
#include <string.h>
#include <unistd.h>

static const char looping[] = "import os, sys, time\n"
			      "def loop(n):\n"
			      "    if n: return loop(n - 1)\n"
			      "    sys.stdout.write('ready\\n'); sys.stdout.flush()\n"
			      "    while True: os.getppid(); time.sleep(0.001)\n"
			      "loop(9)\n";

static void run_idle(void)
{
	PyEval_SaveThread();
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}

static int run_interpreters(void)
{
	PyThreadState *first = PyThreadState_Get(), *other;
	int status;

	other = Py_NewInterpreter();
	PyThreadState_Swap(first);
	Py_NewInterpreter();
	PyThreadState_Swap(other);
	status = PyRun_SimpleString(looping);
	PyThreadState_Swap(first);
	return status != 0;
}

int main(int argc, char **argv)
{
	int status = 2;

	if (argc != 2)
		return 2;
	Py_Initialize();
	if (!strcmp(argv[1], "idle"))
		run_idle();
	if (!strcmp(argv[1], "interpreters"))
		status = run_interpreters();
	return status;
}
