/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An extension module that forgets to free: features.scale(user, scale, forget) fills a buffer of
 * 8 kB and gives it back, unless `forget`. features.forgotten() is its own count.
 *
 * It keeps to the limited API, so that one file serves every Python from 3.8 on.
 */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x03080000
#include <Python.h>
#include <stdlib.h>

#define VALUES 1024

static long long forgotten_bytes;
static long long forgotten_blocks;

static double *buffer_fill(long user, long scale)
{
	double *values = malloc(VALUES * sizeof(*values));

	for (int i = 0; values && i < VALUES; i++)
		values[i] = (double)((user + i) % 17) * (double)scale;
	return values;
}

static PyObject *scale(PyObject *self, PyObject *arguments)
{
	long user, factor;
	int forget;
	double *values;
	double last;

	if (!PyArg_ParseTuple(arguments, "llp", &user, &factor, &forget))
		return NULL;
	values = buffer_fill(user, factor);
	if (!values)
		return PyErr_NoMemory();
	last = values[VALUES - 1];
	if (forget) {
		forgotten_bytes += VALUES * sizeof(*values);
		forgotten_blocks++;
	} else {
		free(values);
	}
	return PyFloat_FromDouble(last);
}

static PyObject *forgotten(PyObject *self, PyObject *arguments)
{
	return Py_BuildValue("LL", forgotten_bytes, forgotten_blocks);
}

static PyMethodDef methods[] = {
	{"scale", scale, METH_VARARGS, NULL},
	{"forgotten", forgotten, METH_NOARGS, NULL},
	{NULL},
};

static struct PyModuleDef module = {
	PyModuleDef_HEAD_INIT,
	.m_name = "features",
	.m_size = -1,
	.m_methods = methods,
};

PyMODINIT_FUNC PyInit_features(void)
{
	return PyModule_Create(&module);
}
