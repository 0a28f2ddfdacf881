"""What the figures' tests share with the report's."""

from tests.report.conftest import inputs

__all__ = ["inputs"]
