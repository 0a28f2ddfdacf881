from concurrent.futures import ThreadPoolExecutor

from pneumo.registry.test_access import FILE, log_access, read_accesses


def test_every_look_at_test_is_kept_and_counted_for_its_cohort(tmp_path):
    log_access(tmp_path / "models", "baseline", "one cohort")
    log_access(tmp_path / "models", "baseline", "another")
    openings = log_access(tmp_path / "models", "weighted", "one cohort")
    assert [opening.recipe for opening in openings] == ["baseline", "weighted"]
    assert openings[0].opened <= openings[1].opened


def test_looks_at_the_same_moment_are_all_kept(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: log_access(tmp_path, f"recipe {number}", "cohort"), range(40)))
    assert len(log_access(tmp_path, "last", "cohort")) == 41


def test_a_line_that_was_cut_short_does_not_hide_the_others(tmp_path):
    log_access(tmp_path, "baseline", "cohort")
    with (tmp_path / FILE).open("a") as file:
        file.write('{"opened": "2026-\n')
    assert len(log_access(tmp_path, "weighted", "cohort")) == 2


def test_reading_notes_nothing(tmp_path):
    assert read_accesses(tmp_path, "cohort") == []
    log_access(tmp_path, "baseline", "cohort")
    assert [opening.recipe for opening in read_accesses(tmp_path, "cohort")] == ["baseline"]
    assert len(read_accesses(tmp_path, "cohort")) == 1
