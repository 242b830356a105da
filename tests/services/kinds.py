# SPDX-License-Identifier: BSD-2-Clause
"""Leaks in which libraries, C code or the interpreter have a part, in the same form as the ten of
leaks.py, and a cache more. What only C code holds has no container (`containers` is empty)."""
import ctypes
import functools
import http.server
import importlib
import logging
import mmap
import sys
import threading

from caches import Cache
from leaks import Leak, size_of, text

library = functools.lru_cache(importlib.import_module)  # a service imports those that it uses


def name_logger(number, _request):
    """A logger for each user: logging keeps them all."""
    logging.getLogger(f"user.{number}").debug("here")  # fills loggers
    return 900


CLOSED = []
local = threading.local()


def hold_lines(number, closed):
    local.lines = [text("line", number + line, 60) for line in range(300)]  # fills threadlocal
    closed.wait()


def start_thread(number, _request):
    """A thread that never ends, and what is local to it."""
    CLOSED.append(threading.Event())
    threading.Thread(target=hold_lines, args=(number, CLOSED[-1]), daemon=True).start()
    return 300 * sys.getsizeof(text("line", 0, 60))


def parse_names(number, _request):
    """Names of elements stay in libxml2's dictionary of the thread."""
    names = "".join(f'<t{number}_{row} id="i{number}_{row}"/>' for row in range(100))
    library("lxml.etree").fromstring(f"<r>{names}</r>")  # fills lxml
    return 100 * 40


ARRAYS = []


def scale_array(_number, _request):
    """A view of ten numbers keeps the whole array."""
    array = library("numpy").random.rand(4000)
    ARRAYS.append(array[:10])  # fills numpy
    return sys.getsizeof(array) + sys.getsizeof(ARRAYS[-1])


FRAMES = []


def select_rows(number, _request):
    columns = {"a": range(500), "b": [str(row + number) for row in range(500)]}
    frame = library("pandas").DataFrame(columns)
    FRAMES.append(frame[frame.a > 250])  # fills pandas
    return int(FRAMES[-1].memory_usage(deep=True).sum()) + BYTES_OF_A_FRAME


BYTES_OF_A_FRAME = 7800  # the objects around the columns: by tracemalloc

IMAGES = []


def shrink_image(number, _request):
    image = library("PIL.Image").new("RGB", (100, 100), (number % 255, 0, 0))
    IMAGES.append(image.resize((60, 60)))  # fills pillow
    return 60 * 60 * 4


class Peer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


@functools.lru_cache(maxsize=None)
def peer_port():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Peer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


CLIENTS = {}


def visit_peer(number, _request):
    """A session of HTTP for each user, never closed."""
    session = library("requests").Session()
    session.headers["x-user"] = str(number)
    session.get(f"http://127.0.0.1:{peer_port()}/", timeout=10)
    CLIENTS[number] = session  # fills http_sessions
    return 20_000


ENGINES = []


def open_database(_number, _request):
    engine = library("sqlalchemy").create_engine("sqlite://")
    with engine.connect() as connection:
        connection.exec_driver_sql("select 1").all()
    ENGINES.append(engine)  # fills sqlalchemy
    return 10_000


def copy_to_c(_number, _request):
    libc = library("ctypes").CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    ctypes.memset(libc.malloc(ctypes.c_size_t(5000)), 1, 5000)  # fills ctypes
    return 5000


CALLBACKS = []


def add_callback(number, _request):
    CALLBACKS.append(ctypes.CFUNCTYPE(ctypes.c_int)(lambda: number))  # fills callback
    return 600


MAPPINGS = []


def map_buffer(_number, _request):
    buffer = mmap.mmap(-1, 65536)
    buffer.write(b"x" * 65536)
    MAPPINGS.append(buffer)  # fills mmap
    return 65536


def forget_words(number, _request):
    """A C extension makes forty strings and forgets to give up its references."""
    library("forgetful").forget(f"user-{number}", 40)  # fills extension
    return 40 * sys.getsizeof(f"user-{number}-12")


WORDS = []


def intern_words(number, _request):
    words = [sys.intern(f"key {number} {word} of the interned") for word in range(50)]
    WORDS.extend(words)  # fills intern
    return size_of(*words)


KINDS = {
    "loggers": Leak(name_logger, "logging.Logger.manager.loggerDict", "Manager.loggerDict",
                    "logging.root.manager.loggerDict", rough=True),
    "threadlocal": Leak(start_thread, "kinds.local", "kinds.CLOSED", "hold_lines",
                        "threading._active", rough=True),
    "lxml": Leak(parse_names, rough=True),
    "numpy": Leak(scale_array, "kinds.ARRAYS"),
    "pandas": Leak(select_rows, "kinds.FRAMES"),
    "pillow": Leak(shrink_image, "kinds.IMAGES"),
    "http_sessions": Leak(visit_peer, "kinds.CLIENTS", rough=True),
    "sqlalchemy": Leak(open_database, "kinds.ENGINES", rough=True),
    "ctypes": Leak(copy_to_c),
    "callback": Leak(add_callback, "kinds.CALLBACKS", rough=True),
    "mmap": Leak(map_buffer, "kinds.MAPPINGS"),
    "extension": Leak(forget_words),
    "intern": Leak(intern_words, "kinds.WORDS", rough=True),
}  # fmt: skip


@functools.lru_cache(maxsize=300)
def fetch_page(number):
    return text("page", number, 2000)


def use_lru_maxsize(number):
    fetch_page(number)  # fills lru_maxsize


MORE_CACHES = {
    "lru_maxsize": Cache(use_lru_maxsize, "kinds.fetch_page", "fetch_page", prefill=300),
}  # fmt: skip
