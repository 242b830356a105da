# SPDX-License-Identifier: BSD-2-Clause
"""The monitor's page, as somebody who uses it sees it."""
import contextlib

from conftest import eventually


class Page:
    def __init__(self, driver, port):
        self.driver, self.address = driver, f"http://127.0.0.1:{port}/"

    def all(self, selector):
        return self.driver.find_elements("css selector", selector)

    def one(self, selector):
        found = []

        def look():
            found[:] = self.all(selector)
            return len(found) == 1 and found[0].is_displayed()

        eventually(look, f"no {selector}")
        return found[0]

    def count(self, selector):
        return len(self.all(selector))

    def until(self, condition, what):
        """What is redrawn meanwhile is looked at again."""
        def look():
            with contextlib.suppress(Exception):
                return condition()
            return False

        eventually(look, what)

    def open(self, width=1280, scheme="light"):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": scheme}]})
        self.driver.get("about:blank")
        self.driver.get(self.address)
        return self

    def sign_in(self, token):
        field = self.one(".sign-in input")
        field.clear()
        field.send_keys(token)
        self.one(".sign-in button").click()

    def choose(self, name):
        """The service with that in its row; until its details are there."""
        def click():
            [row] = [row for row in self.all(".services tbody tr") if name in row.text]
            row.click()
            return True

        self.until(click, "no such row")
        self.until(lambda: name in self.one(".details .title").text, "it is not shown")
