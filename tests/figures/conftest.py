"""Fixtures of the figures' tests, shared with the report's."""

from tests.report.conftest import inputs

__all__ = ["inputs"]
