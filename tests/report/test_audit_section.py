"""The audit on the page: shown where it is of these radiographs, and in the words of the command."""

import json
import re

import pytest

from pneumo.audit.sentences import finding_sentence, leakage_sentences, linear_baseline_sentence
from pneumo.errors import UserError
from pneumo.report.audit_section import audit_section, shortcut_figure
from pneumo.report.page import write_report
from tests.report.report_inputs import FINGERPRINT, HOSTILE, audited


def written(given):
    return write_report(given.directory, given.cohort, given.samples, given.models, given.experiments)


def section(page):
    return page.split('<section id="audit">')[1].split("</section>")[0]


def words(html):
    return " ".join(re.sub(r"<.*?>", "", html).split())


def test_the_page_says_what_the_command_said(index_of):
    index, found = index_of(False), audited(False)
    part = words(section(index.read_text()))
    for sentence in (
        finding_sentence(found.shortcuts[0]),
        finding_sentence(found.suspects[0]),
        linear_baseline_sentence(found.linear_baseline),
        *leakage_sentences(found.leakage)[:2],
    ):
        assert sentence in part
    assert "0.930 (0.880 to 0.980)" in part
    assert json.loads(index.with_name("metrics.json").read_text())["audit"] == found.model_dump(mode="json")


def test_the_summary_names_the_shortcut(index_of):
    page = index_of(False).read_text()
    assert "names a shortcut: aspect ratio gives the label away" in words(
        page.split('<section id="summary">')[1].split("</section>")[0]
    )


def test_the_checklist_finds_the_audit(index_of):
    page = index_of(True).read_text()
    for place in ("leakage", "shortcuts", "linear-baseline"):
        assert f'id="{place}"' in page


def test_a_hostile_name_is_text(index_of):
    part = section(index_of(True).read_text())
    assert HOSTILE not in part
    assert "&lt;img src=x" in part


def test_without_an_audit_the_page_says_what_to_run(inputs):
    given = inputs()
    (given.directory / "audit.json").unlink()
    index = written(given)
    part = section(index.read_text())
    assert "have not been audited yet: run `pneumo audit`" in part
    assert 'id="leakage"' not in part
    assert not (given.directory / "figures/audit.png").exists()
    assert json.loads(index.with_name("metrics.json").read_text())["audit"] is None


def test_an_audit_of_other_radiographs_is_not_shown(tmp_path):
    (tmp_path / "audit.json").write_text(audited(False).model_dump_json())
    assert audit_section(tmp_path, FINGERPRINT).found == audited(False)
    other = audit_section(tmp_path, "00" * 32)
    assert other.found is None
    assert "of other radiographs" in other.absent
    assert other.pictures() == []


def test_a_broken_file_is_one_clear_line(tmp_path):
    (tmp_path / "audit.json").write_text('{"findings": [')
    with pytest.raises(UserError, match=r"audit\.json is not an audit .* run `pneumo audit`"):
        audit_section(tmp_path, FINGERPRINT)


def test_the_figure_says_its_numbers_and_is_stamped_for_phantoms():
    picture = shortcut_figure(audited(False))
    assert "aspect ratio 0.930 in train, 0.550 in test" in picture.alt
    assert "Named as shortcuts: aspect ratio." in picture.alt
    assert "colour" not in picture.alt
    assert shortcut_figure(audited(True)).png != picture.png


def test_where_no_trait_varies_there_is_no_figure():
    constant = tuple(finding for finding in audited(False).findings if finding.verdict == "constant")
    assert shortcut_figure(audited(False).model_copy(update={"findings": constant})) is None
