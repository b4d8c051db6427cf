"""Every figure function says the numbers that it was given, and other ones for other data."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.figure import Figure

from coursekit import plots
from coursekit.calibration import (
    Interval,
    crossed_mean,
    reliability_bins,
    risk_coverage_curve,
)
from coursekit.plots.describing import LONGEST, description
from coursekit.plots.interactive import diagram_at_temperature

CHAPTERS = sorted((Path(plots.__file__).parents[1] / "chapters").glob("*/figures.py"))
FIGURES = {
    path.parent.name: importlib.import_module(f"coursekit.chapters.{path.parent.name}.figures")
    for path in CHAPTERS
}


def interval(middle, half=0.1):
    return Interval(middle, middle - half, middle + half)


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


CONFIDENCE = [0.35, 0.45, 0.85, 0.95, 0.9]
CORRECT = [1, 0, 1, 1, 0]


def wrong(k, confidence=CONFIDENCE):
    """The same answers; for another k than 1 all are wrong."""
    return torch.tensor(confidence), torch.tensor(CORRECT if k == 1 else [0] * 5)


def binned(k):
    bins = reliability_bins(*wrong(k), 4)
    return plots.binned_diagrams({"Sums": (bins, bins.accuracy - 0.1, bins.accuracy + 0.1)})


def heads(k):
    return torch.tensor([[0.1, 0.2 * k], [0.3, 0.7]])


def attention(k):
    return torch.tensor([[1.0, 0.0], [1 - 0.75 * k, 0.75 * k]])


def parts(k):
    return {"honest": (0.01, 0.07 * k, 0.21), "liar": (0.4, 0.06, 0.21)}


def guesses(k):
    return ["a", " b"], [0, 6], [[" x", " y"], [" x", " z"]], tensor([0.1, 0.2], [0.3, 0.8 * k])


#: For each figure function: how it draws data that k changes, and what its text must hold at 1.
CASES = {
    # --- coursekit.plots
    plots.answers_diagram: (
        lambda f, k: f(*wrong(k, [0.6, 0.6, 0.6, 0.9, 0.9]), "You"),
        ["2 points, confidence and accuracy: 0.6 and 0.667, 0.9 and 0.5", "Answers a point: 3, 2"],
    ),
    plots.next_token_bars: (
        lambda f, k: f([" Lima", " 2"], tensor(0.7, 0.1 * k), "Peru"),
        ["␣Lima 0.7, '␣2' 0.1"],
    ),
    plots.stacked_shares: (
        lambda f, k: f({"small": {"a": 1.0, "b": 3 * k}}, "share", "Parts"),
        ["a: small 0.25", "b: small 0.75"],
    ),
    plots.binned_diagrams: (
        lambda f, k: binned(k),
        ["2 points", "0.4 and 0.5, 0.9 and 0.667", "2 of 2 intervals miss", "Sums, N = 5"],
    ),
    plots.consistency_diagram: (
        lambda f, k: f(*wrong(k), "Five", n_bins=4, n_simulations=50),
        ["0.4 and 0.5, 0.9 and 0.667", "0 of 2 points lie outside"],
    ),
    plots.corp_diagram: (
        lambda f, k: f(wrong(k)[0].double(), wrong(k)[1], "T", n_simulations=20),
        ["0.5 at 0.35", "0.5 at 0.85, 0.5 at 0.9, 1 at 0.95", "20% of the predictions"],
    ),
    plots.reliability_diagram: (
        lambda f, k: f(*wrong(k), n_bins=4, n_resamples=20),
        ["0.4 and 0.5, 0.9 and 0.667", "ECE = 0.180", "Most predictions, 3, have", "0.75 and 1"],
    ),
    plots.accuracy_and_confidence: (
        lambda f, k: f({"easy": interval(0.9)}, {"easy": interval(0.5 * k)}, "Two"),
        ["Accuracy: easy 0.9 (0.8 to 1)", "confidence: easy 0.5 (0.4 to 0.6)"],
    ),
    plots.interval_rows: (
        lambda f, k: f({"a": interval(0.3), "b": interval(0.05 * k)}, "gap", "Gaps", (0.0, "none")),
        ["a 0.3 (0.2 to 0.4), b 0.05 (minus 0.05 to 0.15)", "1 of 2 intervals excludes none, 0"],
    ),
    plots.lines_with_intervals: (
        lambda f, k: f(["s", "l"], {"e": [interval(0.3), interval(0.2 * k)]}, "size", "nats", "T"),
        ["e: s 0.3 (0.2 to 0.4), l 0.2 (0.1 to 0.3)"],
    ),
    plots.scores_by_method: (
        lambda f, k: f(
            {"accuracy": {"": {"letter": interval(0.5 * k)}}},
            {"accuracy": {"letter": 0.3}},
            {"accuracy": 0.25},
            "One",
        ),
        ["letter 0.5", "If calibrated, below: letter 0.3", "blind guess: 0.25"],
    ),
    plots.temperature_curve: (
        lambda f, k: f(tensor(0.5, 1.0), tensor(2.125, 2 * k), 1.0, "NLL"),
        ["2.12 at 0.5, 2 at 1", "T = 1.00: 2 at 1"],
    ),
    plots.training_curves: (
        lambda f, k: f([1000, 2000], {"loss": [[3, 2.5 * k], [4, 2]]}, "n", "T", levels={"H": 1.5}),
        ["loss: 2 lines, 3 to 4 at 1, 2 to 2.5 at 2", "H, 1.5"],
    ),
    diagram_at_temperature: (
        lambda f, k: f(torch.eye(3), torch.tensor([0, 1, 2 if k == 1 else 0]), 1.0),
        ["0.576 and 1", "1 point"],
    ),
    # --- chapters
    "audit_your_model.readings_by_letter": (
        lambda f, k: f({"A": {"gap": interval(0.3)}, "B": {"gap": interval(0.1 * k)}}, ["gap"]),
        ["gap. By report: A 0.30 [0.20, 0.40]; B 0.10 [0.00, 0.20]"],
    ),
    "applications.gap_rows": (
        lambda f, k: f({"before": {"sums": interval(0.3 * k)}}, "Gaps"),
        ["before: sums 0.3 (0.2 to 0.4)", "1 of 1 intervals excludes"],
    ),
    "applications.overlap_against_likelihood": (
        lambda f, k: f({"m": (tensor(*range(6)), k * tensor(*range(6)))}, (0.25, "rule"), "T"),
        ["m (n = 6): from 0 at 0 to 5 at 5", "rule, 0.25"],
    ),
    "bias_and_variance.answers_of_many": (
        lambda f, k: f({"order 1": tensor(0.2, 0.4 * k)}, 0.5, "p", "T"),
        ["Truth 0.5", "2 models", "order 1: mean 0.3, from 0.2 to 0.4"],
    ),
    "bias_and_variance.error_parts": (
        lambda f, k: f(["a", "b"], [0.1, 0.2], [0.3, 0.1 * k], "order", "error", "T", marked=1),
        ["bias²: a 0.1, b 0.2", "variance: a 0.3, b 0.1", "Least sum: 0.3 at b", "Framed: b"],
    ),
    "bias_and_variance.ensemble_lines": (
        lambda f, k: f([1, 2], {"own": [0.5, 0.3 * k]}, {"own": (0.1, 0.4)}, "error", "T"),
        ["own: 0.5 at 1, 0.3 at 2", "0.5 for one, 0.1 for infinitely many"],
    ),
    "calibration_methods.divergence_parts": (
        lambda f, k: f(
            {"t": tensor([0.1, 0.2, 0.3 * k]), "no": tensor([torch.nan, 1, torch.inf])}, "T"
        ),
        ["t 0.6, no infinite", "Of t: ", "top word 0.1", "other words 0.3"],
    ),
    "calibration_methods.parts_by_step": (
        lambda f, k: f([1, 2], k * torch.arange(6.0).reshape(1, 2, 3), "T"),
        ["top word: 0 at 1, 3 at 2", "other words: 2 at 1, 5 at 2"],
    ),
    "calibration_methods.score_against_data": (
        lambda f, k: f([10, 100], {"v": tensor([3, 2], [2, torch.nan]) * k}, 1.5, "before", "T"),
        ["v: 2.5 at 10, 2 at 100", "before: 1.5"],
    ),
    "calibration_metrics.error_estimates": (
        lambda f, k: f([1, 10], {"m": k * tensor([0.1, 0.3], [0.2, 0.2])}, {"m": 0.05}, "n", "T"),
        ["m: 0.2 at 1, 0.2 at 10. Middle 95 %: 0.105 to 0.295 at 1, 0.2 to", "True error: 0.05"],
    ),
    "calibration_metrics.estimates_histogram": (
        lambda f, k: f(k * tensor(0.1, 0.1, 0.35), 0.2, "T"),
        ["Histogram: 3 in all, from 0.1 to 0.35", "most, 2, between 0.1 and 0.11", "error, 0.200"],
    ),
    "calibration_metrics.rejection_curves": (
        lambda f, k: f([50, 100], {"m": [0.1, 0.9 * k]}, 0.05, "T"),
        ["m: 0.1 at 50, 0.9 at 100", "level of the test, 0.05"],
    ),
    "calibration_metrics.risk_coverage_curves": (
        lambda f, k: f({"m": risk_coverage_curve(*wrong(k))}, "T"),
        ["m: 0 at 0.2, 0.5 at 0.4, 0.333 at 0.6, 0.5 at 0.8, 0.4 at 1", "all answered: 0.40"],
    ),
    "free_form_answers.sample_panels": (
        lambda f, k: f({"Q": {"x": 7, "y": int(2 * k)}}, {"Q": "x"}),
        ["Q. samples", "✓ x 7, y 2"],
    ),
    "knowing_when_to_be_silent.risk_coverage_bands": (
        lambda f, k: f([0.5, 1.0], {"m": [interval(0.2), interval(0.4 * k)]}, "T"),
        ["m: 0.2 (0.1 to 0.3) at 0.5, 0.4 (0.3 to 0.5) at 1."],
    ),
    "knowing_when_to_be_silent.abstention_curve": (
        lambda f, k: f(risk_coverage_curve(*wrong(1)), 0.6, 0.3 * k, "T"),
        ["0.4 at 1", "this threshold: 0.3 at 0.6"],
    ),
    "knowing_when_to_be_silent.coverage_histogram": (
        lambda f, k: f(tensor(0.8, 0.6 * k), 9, 10, 8, "T"),
        ["2 splits: from 0.6 to 0.8, mean 0.7, standard deviation 0.1", "mean 0.8", "50% of"],
    ),
    "generation.law_bars": (
        lambda f, k: f(
            ["a", "b"], tensor(0.75, 0.25), tensor(1, 0) if k == 1 else tensor(0, 1), "T"
        ),
        ["Sampled: a 1, b 0", "True: a 0.75, b 0.25", "1 of the 2 words shown are never"],
    ),
    "generation.law_grid": (
        lambda f, k: f(
            ["a", "b"],
            tensor(0.75, 0.25),
            {"greedy": tensor(1, 0), "T": tensor(0.5 * k, 1 - 0.5 * k)},
            "so",
        ),
        ["True: a 0.75, b 0.25", "Left: greedy.", "Sampled: a 1, b 0; 1 never", "a 0.5, b 0.5"],
    ),
    "generation.trade_off": (
        lambda f, k: f({"top-p": {"0.9": (0.1, 2.0), "1": (0.25, 4.0 * k)}}, "T"),
        ["top-p: 0.9 0.10 and 2, 1 0.25 and 4."],
    ),
    "generation.surprise_histogram": (
        lambda f, k: f(k * tensor(1.0, 1.0, 2.0), {"beam": 0.5}, "T"),
        ["true texts: 3 in all, from 1 to 2, most, 2,", "beam, 0.5"],
    ),
    "generation.decoding_panels": (
        lambda f, k: f(
            {"nats": {"truth": interval(1.5), "greedy": interval(0.5 * k)}}, "truth", "T"
        ),
        ["nats: truth 1.5, greedy 0.5"],
    ),
    "generation.report_matrix": (
        lambda f, k: f({"own": {"r": 0.01, "s": 0.11 * k}}, "T"),
        ["1 row by 2 columns", "own: r 0.01, s 0.11"],
    ),
    "generation.panels_against_temperature": (
        lambda f, k: f([1, 2], {"loss": [3, 2 * k], "kl": [5, 4]}, 1.5, "T"),
        ["Top:", "3 at 1, 2 at 2", "T = 1.50", "5 at 1, 4 at 2"],
    ),
    "maximum_likelihood.likelihood_curve": (
        lambda f, k: f(int(8 * k), 32, {"said": 0.5}, "T"),
        ["said: p = 0.50: 0.693 at 0.5", "lowest 0.562 at 0.25"],
    ),
    "maximum_likelihood.belief_bars": (
        lambda f, k: f(
            ["sun", "rain"], tensor([0.75, 0.25], [0.25 * k, 1 - 0.25 * k]), ["N", "S"], "T"
        ),
        ["2 words", "First: N 0.75, S 0.25", "N from word 1, sun; S from word 2, rain"],
    ),
    "maximum_likelihood.stated_against_true": (
        lambda f, k: f({"100 steps": (tensor(0.5, 0.75), tensor(0.5, 0.5 * k))}, "T"),
        ["100 steps", "2 words", "50% within 0.05", "mean distance 0.125", "minus true 0.125"],
    ),
    "multiple_choice.specification_curve": (
        lambda f, k: f(
            [interval(0.8), interval(0.4 * k)],
            [0.9, 0.7],
            {"list": [False, True]},
            {"list": ("none", "four")},
            "T",
        ),
        ["from 0.4 to 0.8", "between 0.7 and 0.9", "list: none 0.8, four 0.4 on average"],
    ),
    "multiple_choice.effects_over": (
        lambda f, k: f({"list": crossed_mean(tensor([0.2, 0.3], [0.5 * k, 0.4]))}, "gain", "T"),
        ["Over questions: list 0.35", "Over questions and prompts: list 0.35"],
    ),
    "multiple_choice.spread_over_splits": (
        lambda f, k: f({"m": tensor(0.1, 0.3 * k)}, {"m": 0.25}, "ECE", "T"),
        ["ECE over 2 splits", "m: from 0.1 to 0.3, mean 0.2; the one split 0.25"],
    ),
    "multiple_choice.asked_panels": (
        lambda f, k: f(interval(0.4), interval(0.8), {"A": 0.9 * k, "B": 1 - 0.9 * k}, "T"),
        ["accuracy 0.4 (0.3 to 0.5), mean confidence 0.8", "Chance: 0.5", "A 0.9, B 0.1"],
    ),
    "next_token_calibration.null_histogram": (
        lambda f, k: f(tensor(0.1, 0.1, 0.4), {"seen": 0.3 * k}, "T"),
        ["3 in all, from 0.1 to 0.4", "A line marks seen: 0.300"],
    ),
    "next_token_calibration.frequency_against_probability": (
        lambda f, k: f(tensor(1e-3, 0.1), tensor(2e-3, 0.1 * k), torch.tensor([400, 400]), "T"),
        ["2 points: 0.002 at 0.001, 0.1 at 0.1", "1 of 2 intervals"],
    ),
    "positional_encoding.position_heatmap": (
        lambda f, k: f(tensor([0.5, 1], [-0.5 * k, 1]), "T"),
        ["2 positions by 2 coordinates", "from minus 0.5 to 1", "1 time in column 1, 0 times in"],
    ),
    "positional_encoding.products_by_distance": (
        lambda f, k: f([32, 20, 17 * k], "T"),
        ["32 at 0, 20 at 1, 17 at 2"],
    ),
    "positional_encoding.turned_pairs": (
        lambda f, k: f(tensor(1, 0), tensor(k - 1, 2), [(0, 0)], 0.5),
        ["query at position 0 points to 0 degrees", "to 90 degrees, 90 degrees apart, product 0"],
    ),
    "positional_encoding.pair_and_score": (
        lambda f, k: f(tensor(1, 0), tensor(1, 0), 0.5, [5, 4, 3 * k], 2),
        ["Left:", "product 0.54", "5 at 0, 4 at 1, 3 at 2"],
    ),
    "positional_encoding.bias_heatmaps": (
        lambda f, k: f(k * tensor([[0, 9], [-0.5, 0]], [[0, 9], [-0.25, 0]]), [0, 1]),
        ["head 1", "0 at 0, minus 0.5 at 1", "head 2", "minus 0.25 at 1"],
    ),
    "positional_encoding.accuracy_by_position": (
        lambda f, k: f({"copy": {"rotary": k * tensor([1, 0.5, 0.2])}}, 2, {"copy": 0.1}),
        ["up to position 2: rotary 0.75", "never trained: rotary 0.2", "Guessing: 0.1"],
    ),
    "positional_encoding.loss_against_gap": (
        lambda f, k: f([1, 10], {"tale": k * tensor([0.5, 3], [0.5, 5])}, 3.5, 8192, "T"),
        ["tale: 0.5 at 1, 4 at 10", "context, 8,192 tokens"],
    ),
    "safety.secret_ranks": (
        lambda f, k: f({"canary": (k * tensor(-1, -2, -3, -4), 1)}, "T"),
        ["canary: rank 2 of 4, 1.0 bits, probability 0.135; the most probable has 0.368"],
    ),
    "safety.leak_against_loss": (
        lambda f, k: f({"plain": [(0.1, 12.0 * k), (0.2, 4.0)]}, 1.44, "T"),
        ["plain: 2 points, from 0.1 to 0.2 across and from 4 to 12 upward", "Chance: 1.44 bits"],
    ),
    "judges_and_decisions.curves": (
        lambda f, k: f([1, 2], {"PPI": [0.3, 0.2 * k]}, "grades", "error", "T", levels={"h": 0.1}),
        ["error against grades", "PPI: 0.3 at 1, 0.2 at 2", "h, 0.1"],
    ),
    "judges_and_decisions.judged_against_true": (
        lambda f, k: f(0.9 * k, 0.7, "T"),
        ["what the judge says: from 0.3 at 0 to 0.9 at 1", "an unerring judge: from 0 at 0"],
    ),
    "limits.scaling_curves": (
        lambda f, k: f([10, 100], {"GPT": [4, 2 * k]}, "tokens", "nats", "T"),
        ["GPT: 4 at 10, 2 at 100", "nats, logarithmic against tokens, logarithmic"],
    ),
    "training_for_calibration.curves": (
        lambda f, k: f([1, 100], {"a": [[0, 1.5 * k], [0, 2.5 * k]]}, "steps", "nats", "T"),
        ["Over steps from 1 to 100, nats: a from 0 to 2"],
    ),
    "training_for_calibration.against_truth": (
        lambda f, k: f(tensor(0.5, 0.7), {"token": tensor(0.5, 0.7) + 0.25 * k}, "T"),
        ["2 questions, each once. Mean distance from the truth: token 0.25"],
    ),
    "self_attention.attention_map": (
        lambda f, k: f(attention(k), ["a", " b"], "T"),
        ["2 tokens", "none looks at a later one", "a (1) at itself, 1; ␣b (2) at itself, 0.75"],
    ),
    "self_attention.head_grid": (
        lambda f, k: f(heads(k), "sinks", "T"),
        ["2 layers of 2 heads: from 0.1 to 0.7", "0.7 in layer 1, head 1", "'layer 0' 0.15"],
    ),
    "self_attention.entropy_curves": (
        lambda f, k: f([4, 16], {"scaled": [3.5, 3 * k]}, 4.0, "T"),
        ["scaled: 3.5 at 4, 3 at 16", "equal weights, 4"],
    ),
    "self_attention.multiply_add_curves": (
        lambda f, k: f([1, 2], {"cache": [1000, 3_000_000 * k]}, "T"),
        ["cache: 1,000 at 1, 3 million at 2"],
    ),
    "self_attention.phase_change": (
        lambda f, k: f(
            [0, 10],
            {"two layers": tensor([3, 3], [1, 2 * k])},
            {"previous": tensor([0.1, 0.1], [0.9, 0.9])},
            "T",
        ),
        ["two layers, mean of 2 seeds: 3 at 0, 1.5 at 10", "previous, mean of 2 seeds: 0.1 at 0"],
    ),
    "tokenization.token_strips": (
        lambda f, k: f({"bytes": [b"a", b" b"][: int(2 * k)]}, "T"),
        ["bytes, 2 tokens: a | ␣b."],
    ),
    "tokenization.vocabulary_curves": (
        lambda f, k: f([256, 512], {"held out": [1, 2.5 * k]}, "bytes", "T"),
        ["held out: 1 at 256, 2.5 at 512"],
    ),
    "tokenization.language_dots": (
        lambda f, k: f({"tokens": {"English": 16, "Korean": 67 * k}}, "tokens", "T"),
        ["English 16, Korean 67"],
    ),
    "transformer.lines_against_depth": (
        lambda f, k: f([0, 1], {"first": [1, 500 * k]}, "length", "T"),
        ["first: 1 at 0, 500 at 1"],
    ),
    "transformer.seeds_against_depth": (
        lambda f, k: f([1, 2], {"with": k * tensor([1, 5], [2, 6], [3, 7])}, "norm", "T"),
        ["with: 2 at 1, 6 at 2. At 2 from 5 to 7."],
    ),
    "transformer.activation_curves": (
        lambda f, k: f(tensor(-1, 0, 1), {"ReLU": k * tensor(0, 0, 1)}, "T"),
        ["ReLU: 0 at minus 1, 0 at 0, 1 at 1"],
    ),
    "transformer.guess_table": (
        lambda f, k: f(*guesses(k), "T"),
        ["At the last token, ␣b: ␣y after block 0 (0.2), ␣z after block 6 (0.8)", "␣x after a"],
    ),
    "what_is_calibration.attributes_diagram": (
        lambda f, k: f(*wrong(k, [0.2, 0.2, 0.8, 0.8, 0.8]), "T", at_least=1),
        ["stated and observed: 0.2 and 0.5, 0.8 and 0.667", "Base rate: 0.6"],
    ),
    "what_is_calibration.attributes_panels": (
        lambda f, k: f({"a": wrong(1)[0], "b": wrong(1)[0]}, wrong(k)[1], at_least=1),
        ["Left: a.", "Right: b.", "5 points", "Base rate: 0.6"],
    ),
    "what_is_calibration.brier_parts": (
        lambda f, k: f(parts(k), "T"),
        ["uncertainty, 0.21", "honest: resolution 0.07, reliability 0.01, Brier score 0.15"],
    ),
    "what_is_calibration.expected_score_curves": (
        lambda f, k: f(tensor(0, 0.3, 1), {"Brier": k * tensor(0.3, 0.21, 0.7)}, 0.3, "T"),
        ["0.3 at 0, 0.21 at 0.3, 0.7 at 1", "lowest at 0.30", "the truth, 0.3"],
    ),
    "what_is_calibration.loss_parts": (
        lambda f, k: f({"m": {"entropy": 1.0, "missing": 0.25 * k}}, "nats", "T"),
        ["entropy: m 1", "missing: m 0.25"],
    ),
}


def function(key):
    if callable(key):
        return key
    chapter, name = key.split(".")
    return getattr(FIGURES[chapter], name)


def text_of(key, k):
    draw, _ = CASES[key]
    drawn = draw(function(key), k)
    figure = drawn if isinstance(drawn, Figure) else drawn.get_figure(root=True)
    text = description(figure)
    plt.close(figure)
    return text


@pytest.mark.parametrize(
    "key", CASES, ids=lambda key: key if isinstance(key, str) else key.__name__
)
def test_the_text_holds_the_numbers_of_the_data(key):
    text = text_of(key, 1)
    for wanted in CASES[key][1]:
        assert wanted in text
    assert text_of(key, 0.5) != text
    assert 25 < len(text) <= LONGEST


def test_every_figure_function_has_its_case():
    modules = [importlib.import_module("coursekit.plots"), *FIGURES.values()]
    found = {
        f
        for module in modules
        for name, f in vars(module).items()
        if inspect.isfunction(f)
        and not name.startswith("_")
        and (module is plots or f.__module__ == module.__name__)
        and f.__annotations__.get("return") in ("Axes", "Figure")
    }
    assert found <= {function(key) for key in CASES}
    assert len(found) > 60
