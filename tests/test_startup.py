"""What a start of TensorFlow leaves on the screen."""

import os
import subprocess
import sys

import pytest

from pneumo.startup import quiet_start


def test_tensorflow_starts_without_a_word():
    code = "from pneumo.startup import quiet_start\nwith quiet_start():\n    import tensorflow"
    started = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (started.stdout, started.stderr) == ("", "")


def test_whatever_is_not_a_note_still_reaches_stderr(capfd):
    with quiet_start():
        os.write(2, b"I0000 00:00:1 port.cc:153] a note\nE0000 00:00:1 cuda.cc:1] an error\nwords\n")
    os.write(2, b"I0000 afterwards\n")
    assert capfd.readouterr().err == "E0000 00:00:1 cuda.cc:1] an error\nwords\nI0000 afterwards\n"


def test_what_was_written_before_a_failed_import_is_not_lost(capfd):
    def fail():
        os.write(2, b"the reason\n")
        raise ImportError

    with pytest.raises(ImportError), quiet_start():
        fail()
    assert capfd.readouterr().err == "the reason\n"


@pytest.mark.parametrize(("chosen", "found"), [(None, "1"), ("0", "0")])
def test_onednn_is_on_unless_the_user_turned_it_off(monkeypatch, chosen, found):
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    if chosen is not None:
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", chosen)
    code = "import os, pneumo; print(os.environ['TF_ENABLE_ONEDNN_OPTS'])"
    started = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert started.stdout.strip() == found
