"""Fixtures of the report's tests."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from pneumo.report.content import Content, build_content
from tests.report.report_inputs import Inputs, make_inputs, write_content


@pytest.fixture
def inputs(tmp_path) -> Callable[..., Inputs]:
    """Inputs in a new folder."""
    return lambda synthetic=True: make_inputs(tmp_path / "reports", synthetic)


@pytest.fixture(scope="session")
def content_of(tmp_path_factory) -> Callable[[bool], Content]:
    """Content of the report on a synthetic or on a real cohort, computed and drawn once: tests render changed copies of it."""

    @cache
    def build(synthetic: bool) -> Content:
        given = make_inputs(tmp_path_factory.mktemp("report"), synthetic)
        return build_content(given.directory, given.cohort, given.samples, given.models, given.experiments)

    return build


@pytest.fixture(scope="session")
def index_of(tmp_path_factory, content_of) -> Callable[[bool], Path]:
    """Index of a finished report on a synthetic or on a real cohort, written once for all tests, which must not change it."""

    @cache
    def write(synthetic: bool) -> Path:
        given = make_inputs(tmp_path_factory.mktemp("report"), synthetic)
        return write_content(given.directory, content_of(synthetic))

    return write
