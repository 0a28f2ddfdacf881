from pneumo.report.checklist import ITEMS, checklist
from pneumo.report.page import render_report
from tests.report.report_inputs import with_galleries


def test_an_item_is_covered_where_the_page_has_its_places(index_of):
    page = index_of(True).read_text()
    items = {item.name: item for item in checklist(page)}
    assert list(items) == list(ITEMS)
    assert items["Calibration on validation and test"].covered == "yes"
    assert items["Mistakes with heatmaps"].covered == "yes"
    assert items["Audit of the data"].covered == "yes"
    reduced = page.replace(' id="calibration-table"', "").replace(' id="decision"', "")
    covered = {item.name: item.covered for item in checklist(reduced)}
    assert covered["Calibration on validation and test"] == "in part"
    assert covered["Decision curve"] == "not yet"
    assert {item.covered for item in checklist("<p>nothing</p>")} == {"not yet"}


def test_a_gallery_that_shows_nothing_is_not_covered(content_of, tmp_path):
    _, metrics = render_report(with_galleries(content_of(True), tmp_path))
    assert {item["item"]: item["covered"] for item in metrics["checklist"]}["Mistakes with heatmaps"] == "not yet"
