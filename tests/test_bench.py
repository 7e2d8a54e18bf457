"""The benchmark's own arithmetic: verdicts, floors, rooflines, and its errors."""

import json
from pathlib import Path

import numpy as np
import pytest
import typer

from bench import classifiers, compare, floor, machine, options, record, tables, train
from bench.cases import cases
from bench.operations import PER_ELEMENT, attainable, count
from minitransformer.models.gpt import GPTConfig


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """Writes made-up rounds with the real `save`, and gives back what `load` reads."""
    monkeypatch.setattr(machine, "peaks", lambda: {"gflops": 100.0, "gbs": 20.0})
    numbers = iter(range(100))

    def write(measurement, **rounds):
        file = tmp_path / f"{next(numbers)}.json"
        best = {engine: min(seconds) for engine, seconds in rounds.items()}
        record.save(file, measurement, [{"case": "tiny", "seconds": rounds, "best": best}])
        return record.load(file)

    return write


STEADY = [1.00, 1.01, 1.02, 1.03, 1.04]


def scaled(factor):
    return [factor * seconds for seconds in STEADY]


def verdicts(before, after, margin=0.05):
    return {c["engine"]: c["verdict"] for c in compare.compare(before, after, margin)}


def test_compare_sees_what_is_beyond_the_noise(saved):
    before = saved("made up", ours=STEADY, torch=STEADY, numpy=STEADY)
    after = saved("made up", ours=scaled(1.2), torch=scaled(0.8), numpy=STEADY)
    assert verdicts(before, after) == {"ours": "slower", "torch": "faster", "numpy": "same"}
    assert [c["engine"] for c in compare.slower(compare.compare(before, after, 0.05))] == ["ours"]


def test_a_peer_that_is_slower_is_not_our_fault(saved):
    before, after = saved("made up", torch=STEADY), saved("made up", torch=scaled(1.5))
    changes = compare.compare(before, after, 0.05)
    assert changes[0]["verdict"] == "slower" and not compare.slower(changes)
    assert "1.50 times as long" in compare.summary(before, after, changes)


@pytest.mark.parametrize(
    ("rounds", "why"),
    [
        (scaled(1.03), "within the margin"),
        ([1.005, 1.025, 1.2, 1.3, 1.4], "the rounds overlap"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_noise_is_no_verdict(saved, rounds, why):
    assert verdicts(saved("made up", ours=STEADY), saved("made up", ours=rounds)) == {
        "ours": "same"
    }


def test_a_best_as_good_as_before_is_a_busy_machine(saved):
    before, after = saved("made up", ours=STEADY), saved("made up", ours=scaled(1.2))
    after["results"][0]["best"]["ours"] = 1.01  # of the repetitions within the rounds
    assert verdicts(before, after) == {"ours": "same"}


def test_three_rounds_tell_nothing(saved):
    before, after = saved("made up", ours=[1, 1, 1]), saved("made up", ours=[2, 2, 2])
    assert verdicts(before, after) == {"ours": "too few rounds"}


def test_the_chance_is_that_of_the_exact_rank_test():
    assert compare.chance_of([1, 2, 3, 4, 5], [6, 7, 8, 9, 10]) == pytest.approx(1 / 252)
    assert compare.chance_of([1, 2, 3, 4, 6], [5, 7, 8, 9, 10]) == pytest.approx(2 / 252)
    assert compare.chance_of([6, 7, 8, 9, 10], [1, 2, 3, 4, 5]) == 1
    assert compare.chance_of([1, 3], [2, 4]) == pytest.approx(2 / 6)  # of six orders, two


def test_compare_refuses_what_cannot_be_compared(saved):
    before, after = saved("made up", ours=STEADY), saved("made up", torch=STEADY)
    with pytest.raises(typer.BadParameter, match="measured train, the other made up"):
        compare.compare(before | {"measurement": "train"}, after, 0.05)
    with pytest.raises(typer.BadParameter, match="no case in common"):
        compare.compare(before, after, 0.05)


def test_the_floor_counts_the_products_of_a_step():
    config = GPTConfig(vocab_size=11, block_size=5, n_layer=2, n_head=1, n_embd=3)
    found = floor.layers(config, batch_size=7)
    assert len(found) == 2 * 4 + 1
    assert found[0] == (35, 3, 9) and found[3] == (35, 12, 3) and found[-1] == (35, 3, 11)
    # forward 2 · 35 · 3 · (9 + 3 + 12 + 12) a block, and 2 · 35 · 3 · 11; backward twice that
    assert floor.step_flops(config, 7) == 3 * (2 * 7560 + 2310)


@pytest.mark.parametrize(
    ("blas", "package"), [("ours", "numba"), ("numpy", "numpy"), ("torch", "torch")]
)
def test_each_library_computes_the_products(blas, package):
    pytest.importorskip(package)
    from bench.peers.floor import LIBRARIES, check

    check(LIBRARIES[blas]())
    with pytest.raises(RuntimeError, match="products are wrong"):
        check(lambda a, b, out: np.copyto(out, 0))


def test_the_roofline_is_the_lower_of_two_peaks():
    assert attainable(0.25, gflops=100, gbs=20) == 5
    assert attainable(5, gflops=100, gbs=20) == 100
    assert attainable(1e9, gflops=100, gbs=20) == 100


def test_every_case_has_a_count_of_operations():
    for case in cases():
        assert case.flops or case.name in PER_ELEMENT
        assert count(case, "forward") >= 0
    linear = next(case for case in cases() if case.name == "linear")
    assert count(linear, "forward") == 2 * 256 * 512 * 512
    assert count(linear, "backward") == 2 * count(linear, "forward")


def test_a_profile_adds_up_to_the_step():
    from bench.profile import PHASES, parts_of

    spent = {("linear", "forward"): 2.0, ("linear", "backward"): 3.0, ("add", "forward"): 0.5}
    phases = {"forward": 4.0, "backward": 3.5, "optimizer": 1.0}
    parts = parts_of([{"phases": phases, "spent": spent, "calls": dict.fromkeys(spent, 2)}])
    assert [part["name"] for part in parts] == ["linear", "add", "engine (Python)"]
    assert parts[-1] == {
        "name": "engine (Python)",
        "calls": 0,
        "forward": 1.5,
        "backward": 0.5,
        "optimizer": 1.0,
    }
    assert {p: sum(part[p] for part in parts) for p in PHASES} == phases


def test_an_inner_pass_is_not_counted_twice():
    from bench.profile import Clocks

    clocks = Clocks()
    inner = clocks.timed("inner", lambda: sum(range(200_000)))
    outer = clocks.timed("outer", lambda: inner())
    outer()
    spent, calls = clocks.take()
    assert spent["outer", "forward"] < spent["inner", "forward"] / 2
    assert calls == {("inner", "forward"): 1, ("outer", "forward"): 1}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: options.choose("tiny,huge", ["tiny", "small"], "size"), "unknown size 'huge'"),
        (lambda: options.choose("tiny,huge", ["tiny", "small"], "size"), "some of tiny, small"),
        (lambda: options.choose("tiny,tiny", ["tiny"], "size"), "there twice"),
        (lambda: options.whole_numbers("64,-1", "lengths"), "positive whole numbers, got '-1'"),
        (lambda: options.writable(Path("x.txt")), "ends in .json"),
        (lambda: options.writable(Path("nowhere/x.json")), "no folder 'nowhere'"),
        (lambda: record.load(Path("nowhere.json")), "cannot read nowhere.json: No such file"),
    ],
)
def test_errors_say_what_was_expected(call, message):
    with pytest.raises(typer.BadParameter, match=message):
        call()


def test_a_file_of_another_kind_is_refused(tmp_path):
    file = tmp_path / "x.json"
    file.write_text("{")
    with pytest.raises(typer.BadParameter, match="is not JSON"):
        record.load(file)
    file.write_text(json.dumps([1, 2]))
    with pytest.raises(typer.BadParameter, match="was not written by"):
        record.load(file)


def test_a_table_in_markdown():
    table = tables.Table("times", ("engine", "ms"), [["ours", "1.5"], [], ["PyTorch", "2"]])
    assert table.markdown().splitlines()[2:] == [
        "| engine | ms |",
        "| --- | --- |",
        "| ours | 1.5 |",
        "| PyTorch | 2 |",
    ]
    assert [tables.milliseconds(s) for s in (1.2345e-5, 0.00123, 0.0123, 1.2)] == [
        *("0.0123", "1.23", "12.3", "1200"),
    ]


def test_losses_must_begin_alike():
    expected = [5.0, 4.0, 3.0, 2.0]
    losses = {"ours": expected, "torch": [5.0, 4.00005, 3.0, 2.5], "floor": [None]}
    found = train.compare_losses("tiny", losses)
    assert found["torch"] == {"steps": 4, "largest": 0.5}  # reported, after the first three
    assert "floor" not in found
    for wrong in ([5.0, 4.001], [float("nan")]):
        with pytest.raises(RuntimeError, match="the losses of torch differ"):
            train.compare_losses("tiny", {"ours": expected, "torch": wrong})


def test_a_slow_peer_is_left_out_of_the_next_size():
    result = {"case": "tiny", "skipped": {"jax": "failed: …"}}
    result["seconds"] = {"ours": [9.0], "floor": [9.0], "torch": [0.1], "autograd": [3.0]}
    reasons = train.too_slow(result)
    assert reasons == {"autograd": "too slow: 3.0 s a step at tiny"}
    again = train.too_slow({"case": "small", "skipped": reasons, "seconds": {}})
    assert again == reasons


def test_a_classifier_is_shown_with_the_spread_of_its_seeds():
    seconds = {"ours": [10.0, 12.0, 11.0], "words": [1.0, 3.0, 1.1]}
    accuracy = {"ours": [0.8, 0.9, 0.85], "words": [0.7, 0.7, 0.7]}
    result = {"case": "imdb", "rows": 5000, "seconds": seconds, "accuracy": accuracy}
    (table,) = classifiers.tables([result])
    ours, words, _ = table.rows
    assert ours == ["imdb", "5,000", "minitransformer", "85.00 % (80.00 to 90.00)", "11.0", ""]
    assert words[3:] == ["70.00 % (70.00 to 70.00)", "1.1", "0.10 (0.10 to 0.25)"]
