/* SPDX-License-Identifier: BSD-2-Clause */
/* forget(WORD, COUNT): makes strings WORD-0, WORD-1, … and keeps its references, by mistake. */
#define Py_LIMITED_API 0x03080000
#include <Python.h>

static PyObject *forget(PyObject *self, PyObject *args)
{
	const char *word;
	int count;

	if (!PyArg_ParseTuple(args, "si", &word, &count))
		return NULL;
	for (int i = 0; i < count; i++) {
		if (!PyUnicode_FromFormat("%s-%d", word, i))
			return NULL;
	}
	Py_RETURN_NONE;
}

static PyMethodDef methods[] = {{"forget", forget, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "forgetful", NULL, -1, methods};

PyMODINIT_FUNC PyInit_forgetful(void)
{
	return PyModule_Create(&module);
}
