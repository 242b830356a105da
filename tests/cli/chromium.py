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

# Text and its ground, as WCAG 2 counts contrast.
CONTRAST = """
const channels = colour => colour.match(/[\\d.]+/g).map(Number);
const light = colour => channels(colour).slice(0, 3).map(c => c / 255).map(
    c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4).reduce(
    (sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const ground = element => {
    const colour = getComputedStyle(element).backgroundColor;
    const [, , , alpha] = channels(colour);
    return alpha === 0 ? ground(element.parentElement) : colour;
};
return Array.from(document.querySelectorAll(arguments[0])).filter(
    e => Array.from(e.childNodes).some(n => n.nodeType === 3 && n.data.trim())).map(e => {
        const pair = [light(getComputedStyle(e).color), light(ground(e))].sort((a, b) => b - a);
        return [(pair[0] + 0.05) / (pair[1] + 0.05), e.className, e.textContent.slice(0, 40)];
    }).sort((a, b) => a[0] - b[0])[0];
"""


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


def least_contrast(driver, selector="main *"):
    """Of all texts there: [contrast, class, text]."""
    return driver.execute_script(CONTRAST, selector)


def what_sticks_out(driver):
    """What reaches beyond the right edge of the page's main part."""
    return driver.execute_script(
        "const edge = document.querySelector('main').getBoundingClientRect().right;"
        "return Array.from(document.querySelectorAll('main *')).filter("
        "e => e.getBoundingClientRect().right > edge + 1).map(e => e.outerHTML)")
