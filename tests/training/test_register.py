"""From radiographs to a registered model."""

from dataclasses import replace

import pandas as pd

from pneumo.config import Cnn, CnnRecipe, Config, Fit
from pneumo.evaluation.scores import evaluate
from pneumo.registry import Registry
from pneumo.training.operating_point import lock_operating_point
from pneumo.training.predict import predict
from pneumo.training.register import register
from pneumo.training.run import load_run
from pneumo.training.train import train

RECIPE = CnnRecipe(
    image_size_px=16,
    network=Cnn(filters=(4,), dense_units=4),
    fit=Fit(epochs=1, batch_size=4, class_weights="balanced", precision="float32"),
)


def test_a_run_goes_from_radiographs_to_a_registered_model(tmp_path, kermany_folder, console):
    config = Config(
        data=kermany_folder,
        cohort={"cache_dir": tmp_path / "data"},
        protocol={"validation_fraction": 0.3, "threshold_rule": "youden"},
        registry={"directory": tmp_path / "models"},
    )
    run = load_run(config, "tiny", RECIPE, console)
    trained = train(run, console)
    registry = Registry(config.registry)
    registry.log_test_access("audit", run.dataset.fingerprint)
    # As an evaluation of another model, on the same radiographs without splits.
    registry.log_test_access("evaluated", "no splits", run.dataset.cohort.content_fingerprint)
    entry = register(run, trained, registry, console)
    record = registry.record(entry)
    assert not record.synthetic
    # The audit's access, which scored no model, is logged and not counted.
    assert (record.test_accesses, record.test_accesses_of_recipe) == (2, 1)
    assert record.data_name == "chest_xray"
    assert record.partition == run.dataset.counts()
    assert record.partition["test"]["NORMAL"] == {"images": 2, "patients": 2}
    test = registry.predictions(entry, "test")
    pd.testing.assert_frame_equal(test, predict(registry.load(entry), run.dataset, "test", RECIPE.fit.batch_size))
    subtype = run.dataset.table.set_index("path").loc[test["path"], "subtype"]
    assert record.test == evaluate(test["y_true"], test["y_score"], subtype, record.threshold)
    assert record.threshold == record.thresholds["youden"], "the threshold is not that of the protocol's rule"
    assert record.threshold_rule == "youden"
    assert record.protocol_fingerprint == entry.protocol_fingerprint == config.protocol.fingerprint
    assert record.settings == RECIPE.model_dump(mode="json")
    assert not (run.directory / "state").exists()
    assert "test, 6 radiographs" in console.file.getvalue()
    for rule in ("calibration", "youden", "half"):
        other = replace(run, protocol=config.protocol.model_copy(update={"threshold_rule": rule}))
        locked = lock_operating_point(trained.model, other)
        assert locked.thresholds == record.thresholds
        assert locked.threshold == record.thresholds[rule]
