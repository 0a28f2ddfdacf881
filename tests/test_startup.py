"""What importing TensorFlow prints."""

import os
import subprocess
import sys

import pytest

from pneumo.startup import quiet_start


def test_tensorflow_starts_without_output():
    code = "from pneumo.startup import quiet_start\nwith quiet_start():\n    import tensorflow"
    started = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (started.stdout, started.stderr) == ("", "")


def test_other_than_informative_messages_reach_stderr(capfd):
    with quiet_start():
        os.write(2, b"I0000 00:00:1 port.cc:153] informative\nE0000 00:00:1 cuda.cc:1] an error\nwords\n")
    os.write(2, b"I0000 afterwards\n")
    assert capfd.readouterr().err == "E0000 00:00:1 cuda.cc:1] an error\nwords\nI0000 afterwards\n"


def test_output_before_a_failed_import_is_not_lost(capfd):
    def fail():
        os.write(2, b"the reason\n")
        raise ImportError

    with pytest.raises(ImportError), quiet_start():
        fail()
    assert capfd.readouterr().err == "the reason\n"


@pytest.mark.parametrize(("set_by_user", "expected"), [(None, "1"), ("0", "0")])
def test_onednn_is_on_unless_the_user_turned_it_off(monkeypatch, set_by_user, expected):
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    if set_by_user is not None:
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", set_by_user)
    code = "import os, pneumo; print(os.environ['TF_ENABLE_ONEDNN_OPTS'])"
    started = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert started.stdout.strip() == expected
