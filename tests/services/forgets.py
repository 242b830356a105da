# SPDX-License-Identifier: BSD-2-Clause
"""C code that makes strings and forgets to give up its references, amid strings that come and go,
and others that a list keeps within a bound."""
import collections
import ctypes

import paced

A_SECOND = 200
CHURN = 100
make_string = ctypes.pythonapi.PyUnicode_FromString
make_string.restype = ctypes.c_void_p  # an address, as C has it: nobody owns what it refers to
KEPT = collections.deque(maxlen=1000)
lost = lost_bytes = 0


def forget_string(number):
    global lost, lost_bytes
    text = f"lost {number} of the strings"
    make_string(text.encode())  # fills forgets
    lost += 1
    lost_bytes += text.__sizeof__()


def step(seconds):
    while lost < seconds * A_SECOND:
        forget_string(lost)
    KEPT.append([f"row {lost} {row}" for row in range(CHURN)][0])


def truth():
    subject = paced.subject("forgets", [], entries=lost, bytes=lost_bytes)
    return {"leaks": {"forgets": subject}}


paced.run(step, truth)
