"""What a sweep will train: values, grids, draws, names, and what is refused before anything is made."""

import itertools
import math

import pytest
from helpers import refusal

from rnn_mnist.config import Config, with_settings
from rnn_mnist.sweep.estimate import expected, seconds
from rnn_mnist.sweep.plan import make_plan, parse_values
from rnn_mnist.tutorials.presets import PRESETS

pytestmark = pytest.mark.usefixtures("flag_words")


def plan(path=None, n_random=None, base=None, **given):
    return make_plan(base or Config(), given, path, n_random)


def names(*args, **given):
    return [point.name for point in plan(*args, **given).points]


def test_a_grid_is_every_combination_and_names_say_what_differs_and_nothing_else():
    found = plan(cell="basic,lstm", n_neurons="50,150", seed="0-2", epochs="2")
    assert {point.name: point.config for point in found.points} == {
        f"cell-{cell}_n_neurons-{n}_s{seed}": with_settings(Config(), cell=cell, n_neurons=n, seed=seed, epochs=2)
        for cell, n, seed in itertools.product(("basic", "lstm"), (50, 150), range(3))}
    assert found.folder == "sweep_epochs-2_cell-basic-lstm_n_neurons-50-150"
    assert found.varied == ["cell", "n_neurons", "seed"]
    assert names(seed="3,1") == ["s3", "s1"] and names(n_neurons="50") == ["run"]
    assert names(seed="1", learning_rate="0.001,1e-4,.01") == [
        "learning_rate-0.001", "learning_rate-0.0001", "learning_rate-0.01"]


def test_more_seeds_go_into_the_same_folder():
    assert plan(cell="gru", seed="0-4").folder == plan(cell="gru", seed="0-9").folder == "sweep_cell-gru"


@pytest.mark.parametrize("name, text, values", [
    ("seed", "0-3", [0, 1, 2, 3]), ("seed", "7", [7]), ("seed", "5,0-2,1", [5, 0, 1, 2]), ("seed", " 1, 2 ", [1, 2]),
    ("learning_rate", "0.1,1e-3", [0.1, 0.001]), ("peephole", "on,off", [True, False]),
    ("hidden_sizes", "128-84,50", [(128, 84), (50,)]), ("permutation", "1,bit-reversal", ["1", "bit-reversal"]),
    ("n_neurons", [50, "60-62"], [50, 60, 61, 62]), ("hidden_sizes", [[128, 84], [50]], [(128, 84), (50,)]),
    ("bidirectional", True, [True]), ("dropout", 0.5, [0.5])])
def test_values(name, text, values):
    assert list(parse_values(name, text)) == values


def test_settings_without_effect_make_no_runs_of_their_own():
    found = plan(cell="basic,lstm", peephole="on,off")
    assert [point.name for point in found.points] == ["cell-basic", "cell-lstm_peephole", "cell-lstm_no-peephole"]
    assert found.n_joined == 1
    assert names(order="rows,permuted", permutation="1,2") == [
        "order-rows", "order-permuted_permutation-1", "order-permuted_permutation-2"]
    permuted = plan(order="permuted", permutation="1").points[0].config
    assert (permuted.n_steps, permuted.n_inputs) == (784, 1)


def test_a_file_says_what_flags_cannot(tmp_path):
    path = tmp_path / "both.toml"
    path.write_text("""
        seed = "0-1"
        epochs = 3
        [[grid]]
        cell = "basic"
        n_neurons = [50, 150]
        [[grid]]
        cell = "lstm"
        n_neurons = 75
        learning_rate = 0.002
        """)
    found = plan(path, batch_size="50", epochs="1")  # flags are nearer than what the grids share
    base = with_settings(Config(), epochs=1, batch_size=50)
    assert {point.config for point in found.points} == {
        with_settings(base, seed=seed, **settings) for seed in range(2) for settings in (
            {"n_neurons": 50}, {"n_neurons": 150}, {"cell": "lstm", "n_neurons": 75, "learning_rate": 0.002})}
    assert found.points[-1].name == "learning_rate-0.002_cell-lstm_n_neurons-75_s1"
    assert found.folder == "sweep_both_epochs-1_batch_size-50"
    assert "--cell is also in a grid of" in refusal(plan, path, cell="gru")


def test_draws_are_spread_over_their_range_and_the_first_ones_stay():
    few, many = (plan(None, n, learning_rate="log:0.0001-0.01", n_neurons="10-50", cell="basic,gru", dropout="0-0.5",
                      seed="0-1") for n in (8, 300))
    assert many.points[:16] == few.points and len(many.points) == 600
    configs = [point.config for point in many.points[::2]]
    assert all(with_settings(config, seed=1) == point.config for config, point in zip(configs, many.points[1::2],
                                                                                      strict=True))
    for values, low, high in (([math.log(config.learning_rate) for config in configs], math.log(1e-4), math.log(1e-2)),
                              ([config.n_neurons for config in configs], 10, 50),
                              ([config.dropout for config in configs], 0, 0.5),
                              ([config.cell == "gru" for config in configs], 0, 1)):
        middle, spread = (low + high) / 2, high - low
        assert low - 0.001 <= min(values) < low + spread / 10 and high - spread / 10 < max(values) <= high + 0.001
        assert abs(sum(values) / 300 - middle) < spread / 10
    assert many.folder == few.folder


@pytest.mark.parametrize("given, line", [
    ({"n_neurons": "50,x"}, "--n-neurons: 'x' is not a whole number"), ({"n_neurons": ""}, "--n-neurons: '' is not"),
    ({"n_neurons": "0,5"}, "--n-neurons must be at least 1"), ({"cell": "basic,gpu"}, "--cell must be one of"),
    ({"seed": "9-0"}, "a range goes up: give 0-9"), ({"seed": "0-99999999999"}, "more than 100000"),
    ({"seed": "0-999", "n_neurons": "1-101"}, "more than 100000 runs"),
    ({"learning_rate": "0.1-0.2"}, "is to be drawn from: add --random N"), ({"peephole": "yes"}, "is not on or off"),
    ({"learning_rate": "log:0-1"}, "starts above 0"), ({"cell": []}, "an empty list"),
    ({"hidden_sizes": [[[1]]]}, "takes a value or a list of values"), ({"cell": [{"a": 1}]}, "takes a value or a list"),
    ({"learning_rate": ["0.1-0.2", 3]}, "can't be one of a list"), ({"isa": "avx2,sse41"}, "one instruction set"),
    ({"data": "mnist,synthetic"}, "one data set"),
    ({"peephole": "on,off"}, "--peephole has no effect with cell basic"),
    ({"bidirectional": "off,on", "bptt_steps": "0,3"},
     "the combination bidirectional, bptt_steps 3: --bptt-steps cuts the gradient"),
    ({"hidden_sizes": "128"}, "--hidden-sizes has no effect with model rnn")])
def test_what_cannot_be_is_refused(given, line):
    assert line in refusal(plan, **given)


def test_draws_stay_within_their_range_however_narrow():
    configs = [point.config for point in plan(None, 20, optimizer="momentum", momentum="0.9996-0.9999").points]
    assert all(0.9996 <= config.momentum <= 0.9999 for config in configs)
    assert all(1 <= point.config.n_neurons <= 5 for point in plan(None, 5, n_neurons="log:0.2-5").points)


@pytest.mark.parametrize("n_random, given", [
    (2000, {"seed": "0-9999", "learning_rate": "0-1"}), (99_999_999, {"learning_rate": "0-1"})])
def test_more_draws_than_a_sweep_may_have_are_refused(n_random, given):
    assert "more than 100000 runs" in refusal(plan, None, n_random, **given)


def test_more_draws_than_there_are_combinations_are_refused():
    assert "only 2 different combinations" in refusal(plan, None, 3, cell="basic,gru")


@pytest.mark.parametrize("content, line", [
    ("seed = ", "not valid TOML"), ("grid = 3", "write [[grid]]"), ("sed = 1", "no such setting: sed"),
    ("[seed]\na = 1", "is a table"), ("seed = [", "not valid TOML"), ("x = " + "[" * 5000, "not valid TOML"),
    ("n_neurons = 1979-05-27", "must be a whole number"), ("n_neurons = [[1]]", "must be a whole number")])
def test_a_bad_file_is_refused(tmp_path, content, line):
    path = tmp_path / "sweep.toml"
    path.write_text(content)
    message = refusal(plan, path)
    assert line in message
    assert str(path) in message or "must be" in message


def test_workers_have_one_data_set_whatever_the_grids_say(tmp_path):
    path = tmp_path / "two.toml"
    path.write_text("[[grid]]\ndata = 'mnist'\n[[grid]]\ndata = 'synthetic'")
    assert "have one data set" in refusal(plan, path)


def test_long_names_are_short_and_still_differ():
    base = PRESETS["mlp-relu"].config
    sizes = "-".join(["100"] * 60)
    found = names(base=base, hidden_sizes=f"{sizes}-1,{sizes}-2")
    assert len(set(found)) == 2 and all(len(name.encode()) <= 100 for name in found)


def test_the_estimate_is_near_what_was_measured():
    def measured(name):
        """Return the ratio of the estimate on one core to the seconds of a documented run, on two."""
        from rnn_mnist.run import Run
        run = Run(f"runs/{name}")
        return seconds(run.config) / sum(row["seconds"] for row in run.metrics)

    for name in ("example-seed42", "orders/pixels-gru", "orders/permuted-lstm", "orders/pixels-basic"):
        assert 0.8 < measured(name) < 3
    few, many = Config(epochs=1), Config(epochs=10)
    assert seconds(many) > 5 * seconds(few)
    assert expected([few] * 4, 2) == pytest.approx(2 * seconds(few))
    assert expected([few, many], 2) == seconds(many)
