# SPDX-License-Identifier: BSD-2-Clause
"""A headless Chromium for tests of pages; they are skipped where it or its driver is not there."""
import shutil

import pytest

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys
    MISSING = next((f"no {tool} (Debian: {package})" for tool, package in
                    (("chromium", "chromium"), ("chromedriver", "chromium-driver"))
                    if not shutil.which(tool)), None)
except ImportError:
    ActionChains = Keys = None
    MISSING = "no selenium (Debian: python3-selenium)"

needs_chromium = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for switch in ("headless=new", "no-sandbox", "disable-gpu", "disable-background-networking",
                   "disable-component-update", "disable-sync", "no-first-run",
                   "disable-dev-shm-usage",
                   f"user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(f"--{switch}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
    yield driver
    driver.quit()


def complaints(driver):
    """What the browser had to complain of since it was last asked, such as something that a page's
    policy forbids."""
    return [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
