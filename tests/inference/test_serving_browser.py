"""The served page in headless Chromium, end to end."""

from pathlib import Path

import numpy as np
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from pneumo.config import Cnn
from pneumo.inference.loading import Loaded
from pneumo.inference.network import KerasNetwork
from pneumo.inference.predictor import Predictor
from tests.dicom_files import chest_like, dataset, write
from tests.inference.predictors import specification
from tests.inference.running_server import serving
from tests.report import test_browser

pytestmark = pytest.mark.slow
browser = test_browser.browser
SECONDS = 30


@pytest.fixture(scope="module")
def server():
    from pneumo.nets import cnn  # noqa: PLC0415 - seconds

    model = cnn.build(Cnn(filters=(4, 8)), 32, seed=1)
    with serving(Predictor(Loaded(KerasNetwork(model), specification(image_size_px=32), None))) as running:
        yield running


@pytest.fixture
def page(server, browser):
    show(browser, server, 1280, 900)
    return browser


def show(browser, server, width, height, *, dark=False):
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    browser.get(server.address)
    wait(browser, "document.getElementById('card-fields').children.length > 5")


def wait(browser, condition):
    WebDriverWait(browser, SECONDS).until(lambda _: browser.execute_script(f"return {condition}"), condition)


def choose(browser, file: Path):
    browser.find_element(By.ID, "file").send_keys(str(file))
    wait(browser, "!document.getElementById('result').hidden || !document.getElementById('problem').hidden")


def text(browser, element_id):
    return browser.find_element(By.ID, element_id).text


def chest(tmp_path, **elements):
    return write(tmp_path / "chest.dcm", dataset(chest_like(480, 400), **{"ViewPosition": "PA"} | elements))


def opacity(browser):
    return browser.execute_script("return getComputedStyle(document.getElementById('heatmap')).opacity")


def test_a_dicom_file_is_shown_decided_and_explained(page, tmp_path):
    choose(page, chest(tmp_path))
    wait(page, "document.getElementById('heatmap-words').textContent.length > 40")
    assert text(page, "decision") in {"Pneumonia", "No pneumonia detected", "Referred to a reader"}
    assert text(page, "probability").endswith("%")
    assert "the threshold of" in text(page, "words")
    assert page.execute_script("const c = document.getElementById('radiograph'); return [c.width, c.height]") == [480, 400]
    assert page.execute_script("return document.activeElement.id") == "decision"
    assert "Of 100 radiographs called" in text(page, "predictive")
    assert page.get_log("browser") == []


def test_the_sliders(page, tmp_path):
    choose(page, chest(tmp_path))
    wait(page, "document.getElementById('heatmap-words').textContent.length > 40")
    assert opacity(page) == "0.6"
    slider = page.find_element(By.ID, "opacity")
    slider.send_keys(Keys.HOME)
    assert (opacity(page), text(page, "opacity-value")) == ("0", "0 %")
    slider.send_keys(Keys.END)
    assert opacity(page) == "1"
    before = text(page, "predictive")
    page.find_element(By.ID, "prevalence").send_keys(Keys.END)
    wait(page, f"document.getElementById('predictive').textContent !== {before!r}")
    assert text(page, "prevalence-value") == "99"
    grey = "document.getElementById('radiograph').getContext('2d').getImageData(240, 200, 1, 1).data[0]"
    as_decoded = page.execute_script(f"return {grey}")
    page.find_element(By.ID, "level").send_keys(Keys.HOME)
    assert page.execute_script(f"return {grey}") > as_decoded
    page.find_element(By.ID, "grey").click()
    assert page.execute_script(f"return {grey}") == as_decoded


def test_a_method_is_computed_when_it_is_chosen(page, tmp_path):
    choose(page, chest(tmp_path))
    for label, word in (
        ("LOTS", "change most"),
        ("HiRes-CAM", "evidence"),
        ("Random-CAM (baseline: means nothing)", "random weights"),
    ):
        page.find_element(By.XPATH, f"//select[@id='method']/option[.='{label}']").click()
        # The map of a network that was never trained may be empty.
        wait(page, f"[{word!r}, 'Empty'].some(word => document.getElementById('heatmap-words').textContent.includes(word))")
    page.find_element(By.XPATH, "//select[@id='method']/option[.='None']").click()
    assert not page.find_element(By.ID, "heatmap").is_displayed()


def test_a_file_that_is_no_radiograph(page, tmp_path):
    file = tmp_path / "<img src=x onerror=alert(1)>.jpeg"
    file.write_bytes(b"no radiograph")
    choose(page, file)
    assert "could not be used" in text(page, "problem")
    assert file.name in text(page, "problem")
    assert page.find_elements(By.CSS_SELECTOR, "#problem img") == []
    assert not page.find_element(By.ID, "result").is_displayed()
    choose(page, chest(tmp_path))
    assert not page.find_element(By.ID, "problem").is_displayed()


def test_a_refusal_shows_the_reason_and_no_number(page, tmp_path):
    choose(page, chest(tmp_path, ViewPosition="LL"))
    assert text(page, "decision") == "Refused"
    assert "lateral view" in text(page, "words")
    assert "%" not in page.find_element(By.CSS_SELECTOR, ".findings").text
    for hidden in ("numbers", "meaning", "explanation", "heatmap"):
        assert not page.find_element(By.ID, hidden).is_displayed()
    assert page.find_element(By.ID, "radiograph").is_displayed()


def test_everything_works_from_the_keyboard(page, tmp_path):
    choose(page, chest(tmp_path))
    stage = page.find_element(By.ID, "stage")
    stage.send_keys("++")
    assert text(page, "scale") == "156 %"
    left = "new DOMMatrix(getComputedStyle(document.getElementById('layers')).transform).e"
    before = page.execute_script(f"return {left}")
    stage.send_keys(Keys.ARROW_RIGHT)
    assert page.execute_script(f"return {left}") < before
    stage.send_keys("0")
    assert text(page, "scale") == "100 %"
    reached = set()
    page.execute_script("document.activeElement.blur()")
    for _ in range(24):
        ActionChains(page).send_keys(Keys.TAB).perform()
        reached.add(page.switch_to.active_element.get_attribute("id"))
    assert reached >= {"file", "stage", "in", "out", "fit", "window", "level", "grey", "prevalence", "method", "opacity"}


def test_controls_have_names_and_the_warning_stays(page, tmp_path):
    choose(page, chest(tmp_path))
    unnamed = page.execute_script(
        "return [...document.querySelectorAll('input, select, button, canvas')]"
        ".filter(e => !(e.labels && e.labels.length) && !e.ariaLabel && !e.textContent.trim()).map(e => e.outerHTML)"
    )
    assert unnamed == []
    page.execute_script("scrollTo(0, document.body.scrollHeight)")
    box = page.execute_script("return document.querySelector('.research').getBoundingClientRect().top")
    assert 0 <= box < 60
    assert "Research use only" in page.find_element(By.CSS_SELECTOR, ".research").text


@pytest.mark.parametrize("dark", [False, True])
def test_phone_width_and_dark_mode(server, browser, tmp_path, dark):
    show(browser, server, 390, 844, dark=dark)
    choose(browser, chest(tmp_path))
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    cut_off = (
        "[...document.querySelectorAll('p, dl, section, label, button')].filter(e => e.getBoundingClientRect().right > innerWidth)"
    )
    assert browser.execute_script(f"return {cut_off}.map(e => e.outerHTML)") == []
    paper = browser.execute_script("return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert (np.mean(paper) < 60) == dark
    browser.get(f"{server.address}/docs")
    wait(browser, "document.querySelectorAll('#operations section').length >= 5")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    assert browser.get_log("browser") == []
