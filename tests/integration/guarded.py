# SPDX-License-Identifier: BSD-2-Clause
"""A monitor whose page is opened by a token."""
import http.client
import json

from conftest import TIMEOUT
from monitors import Monitor


class Guarded(Monitor):
    """The token is made by it."""

    def __init__(self, directory, *args):
        self.file = directory / "token"
        super().__init__("--token-file", self.file, *args)
        self.page_line = self.stderr.until("opened by the token in")
        self.token = self.file.read_text().strip()

    def bearer(self, path, token=None, method="GET"):
        return self.ask(method, path, Authorization=f"Bearer {token or self.token}")

    def fetch(self, path, **headers):
        """Status, headers and bytes of an answer; with other `headers` in the place of the token."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        try:
            connection.request("GET", path, headers=headers or {"Authorization": f"Bearer {self.token}"})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def get(self, path):
        status, headers, text = self.bearer(path)
        assert status == 200 and headers["Content-Type"] == "application/json", text
        return json.loads(text)

    def sign_in(self):
        """The cookie, as a browser gives it back, and as it is given to it."""
        status, headers, _ = self.bearer("/api/session")
        assert status == 200
        [cookie] = headers.get_all("Set-Cookie")
        return cookie.split(";")[0], cookie
