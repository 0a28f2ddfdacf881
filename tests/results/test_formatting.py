from pneumo.evaluation.bootstrap import Estimate
from pneumo.results import formatting
from pneumo.results.experiment import Spread


def test_scores_and_intervals():
    assert formatting.interval(Estimate(value=0.95, low=0.9, high=0.9998)) == "0.950 (0.900\xa0to\xa0>\xa00.999)"
    assert formatting.interval(Estimate(value=1)) == "1.000 (–)"
    assert formatting.percent_interval(Estimate(value=0.5, low=0.25, high=0.75)) == "50.0% (25.0\xa0to\xa075.0)"
    assert formatting.signed_interval(Estimate(value=-0.01, low=-0.02, high=0.01)) == "−0.010 (−0.020\xa0to\xa0+0.010)"
    assert formatting.mean_sd(Spread.of([0.9, 0.95, 1.0])) == "0.950\xa0±\xa00.050"
    assert [formatting.p_value(0.0004), formatting.p_value(0.04)] == ["< 0.001", "0.040"]


def test_counts_per_hundred_are_neither_rounded_to_all_nor_to_none():
    assert formatting.per_hundred(Estimate(value=0.951, low=0.902, high=0.999)) == "95 (90 to over 99)"
    assert formatting.per_hundred(Estimate(value=1, low=0.9986, high=1)) == "100 (over 99 to 100)"
    assert formatting.per_hundred(Estimate(value=0.004)) == "under 1"


def test_undefined_values_are_dashes():
    undefined = Estimate(value=None)
    assert [formatting.interval(undefined), formatting.signed(None), formatting.p_value(None)] == ["–"] * 3
    assert [formatting.per_hundred(undefined), formatting.mean_sd(Spread.of([0.9, None]))] == ["–", "–"]


def test_words():
    assert [formatting.times(1), formatting.times(2), formatting.times(5)] == ["once", "twice", "5 times"]
    assert [formatting.listed(["a"]), formatting.listed(["a", "b", "c"])] == ["a", "a, b and c"]
    assert [formatting.lower_first("AUROC"), formatting.lower_first("Accuracy")] == ["AUROC", "accuracy"]
    assert formatting.upper_first("shifted validation") == "Shifted validation"
