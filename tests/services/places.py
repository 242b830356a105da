# SPDX-License-Identifier: BSD-2-Clause
"""Which lines of a source fill what, as comments there say."""
import inspect
import os
import re


def find_places(*modules):
    """{name: its lines}: those marked `fills NAME, …` in the sources."""
    found = {}
    for module in modules:
        source, file = inspect.getsource(module), os.path.abspath(module.__file__)
        codes = list(codes_of(compile(source, file, "exec"), ""))
        for number, line in enumerate(source.splitlines(), 1):
            if marked := re.search(r"# fills (.+)$", line):
                place = {"function": function_at(codes, number), "file": file, "line": number}
                for name in marked[1].split(", "):
                    found.setdefault(name, []).append(place)
    return found


def codes_of(code, prefix):
    """(qualified name, lines) of the functions in a code object, inner ones later."""
    for inner in filter(inspect.iscode, code.co_consts):
        name = prefix + inner.co_name
        yield name, {line for _, _, line in inner.co_lines() if line}
        yield from codes_of(inner, f"{name}.")


def function_at(codes, number):
    return [name for name, lines in codes if number in lines and not name.endswith(">")][-1]
