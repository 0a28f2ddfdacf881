import os
from pathlib import Path

import pytest

from pneumo.cohort.download import download
from pneumo.errors import UserError


def test_a_failed_download_explains_how_to_place_the_archive_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("kagglehub")
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # no server listens there: the connection is refused
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", os.fspath(tmp_path))
    with pytest.raises(UserError) as caught:
        download(tmp_path / "data")
    message = str(caught.value)
    assert message.isprintable()
    assert message.startswith("cannot download the cohort from Kaggle (")
    assert "paultimothymooney/chest-xray-pneumonia" in message
    assert f"make train DATA={tmp_path / 'data'}/archive.zip" in message


def test_an_existing_download_is_reused(tmp_path: Path) -> None:
    (tmp_path / "chest-xray-pneumonia").mkdir()
    assert download(tmp_path) == tmp_path / "chest-xray-pneumonia"
