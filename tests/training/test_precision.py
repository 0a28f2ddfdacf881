import pytest

from pneumo.training.precision import choose_precision


@pytest.mark.parametrize(
    ("flags", "policy"),
    [
        ("flags : fpu avx512_bf16 sse", "mixed_bfloat16"),
        ("flags : amx_bf16", "mixed_bfloat16"),
        ("flags : avx2 avx512f", "float32"),
    ],
)
def test_bfloat16_is_chosen_where_the_processor_has_instructions_for_it(tmp_path, flags, policy):
    (tmp_path / "cpuinfo").write_text(flags)
    chosen = choose_precision("auto", tmp_path / "cpuinfo")
    assert chosen.policy == policy
    assert "processor has" in chosen.reason
    assert choose_precision("float32", tmp_path / "cpuinfo").policy == "float32"


def test_float32_is_chosen_for_an_unknown_processor(tmp_path):
    assert choose_precision("auto", tmp_path / "absent").policy == "float32"
