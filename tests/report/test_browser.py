"""The report in headless Chromium: everything loads, and nothing is cut off on narrow screens."""

import tempfile
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service


@pytest.fixture
def browser():
    """Headless Chromium as Debian packages it. Without it the test fails and is not skipped."""
    for program in (Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")):
        assert program.exists(), f"{program} is missing: install Debian's packages chromium and chromium-driver"
    with tempfile.TemporaryDirectory() as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for flag in (
            "headless", "no-sandbox", "disable-gpu", "no-first-run", "disable-background-networking",
            "disable-component-update", "disable-sync", f"user-data-dir={profile}",
        ):  # fmt: skip
            options.add_argument(f"--{flag}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(options, Service("/usr/bin/chromedriver"))
        yield driver
        driver.quit()


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("synthetic", [True, False])
def test_everything_loads_and_fits_on_the_screen(index_of, browser, width, synthetic):
    index = index_of(synthetic)
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500}
    )
    browser.get(index.as_uri())
    images = browser.execute_script("return [...document.images].map(image => [image.src, image.naturalWidth])")
    assert len(images) > 20
    assert [source for source, natural_width in images if not natural_width] == []
    assert browser.get_log("browser") == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    cut_off = "[...document.querySelectorAll('p, figure, caption, dl')].filter(e => e.getBoundingClientRect().right > innerWidth)"
    assert browser.execute_script(f"return {cut_off}.map(element => element.outerHTML)") == []
    browser.get((index.parent / "cards" / "baseline-v1.html").as_uri())
    assert browser.execute_script("return [...document.images].every(image => image.naturalWidth)")
    assert browser.get_log("browser") == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.execute_script(f"return {cut_off}.map(element => element.outerHTML)") == []
