"""Finding data in the right place, recognising the original MNIST, splitting it, cutting minibatches."""

import subprocess
import sys

import numpy as np
import pytest
from helpers import KEYS, SMALL, idx_bytes, npz_bytes, refusal

from rnn_mnist import data
from rnn_mnist.config import Config, RunOptions, with_settings
from rnn_mnist.datasets import synthetic
from rnn_mnist.datasets.files import read_arrays


def load(data_dir=None, offline=False, **given):
    """Return the Data of some settings."""
    return data.load_data(Config(**given), RunOptions(data_dir=data_dir, offline=offline))


def load_toy(data_dir=None, **given):
    """Return the Data of settings that suit small data."""
    return load(data_dir, **{"n_valid": 5, "batch_size": 10, **given})


@pytest.mark.slow
# ---- the original ----

def test_original_mnist_is_recognised_and_read_right(mnist_dir):
    loaded = load(mnist_dir)
    assert loaded.source.kind == "original MNIST" and loaded.source.where == mnist_dir
    assert [len(split.labels) for split in loaded[:3]] == [55_000, 5_000, 10_000]
    # The first labels as every MNIST tutorial shows them, and the published number of each digit.
    assert loaded.valid.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert loaded.test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert np.bincount(loaded.test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    # The published mean and standard deviation of the training pixels.
    pixels = np.concatenate([loaded.valid.images, loaded.train.images]).ravel() / np.float32(255)
    assert round(float(pixels.mean(dtype=np.float64)), 4) == 0.1307
    assert round(float(pixels.std(dtype=np.float64)), 4) == 0.3081


def test_original_mnist_is_recognised_in_any_packing(mnist_dir, tmp_path):
    arrays = read_arrays(mnist_dir)
    for name, array in zip(SMALL, arrays, strict=True):
        (tmp_path / name.replace("-idx", ".idx")).write_bytes(idx_bytes(array))
    np.savez(tmp_path / "any name.npz", **dict(zip(KEYS, arrays, strict=True)))
    packings = [load(path).source
                for path in (mnist_dir, tmp_path, tmp_path / "any name.npz")]
    assert {source.kind for source in packings} == {"original MNIST"}
    assert len({source.digest for source in packings}) == 1


def test_one_changed_pixel_is_not_the_original_mnist(mnist_dir, tmp_path):
    arrays = dict(zip(KEYS, read_arrays(mnist_dir), strict=True))
    arrays["x_test"] = arrays["x_test"].copy()
    arrays["x_test"][9_999, 27, 27] += 1
    np.savez(tmp_path / "mnist.npz", **arrays)
    assert load(tmp_path).source.kind == "not the original MNIST"


# ---- where data is looked for ----

def test_data_dir_comes_before_the_environment(folder, toy_data_dir, monkeypatch):
    monkeypatch.setenv("RNN_MNIST_DATA", toy_data_dir)
    assert len(load_toy().test.labels) == 200
    loaded = load_toy(folder)
    assert len(loaded.test.labels) == 20
    assert loaded.source[:2] == ("not the original MNIST", str(folder))


@pytest.mark.parametrize("source", ["auto", "mnist"])
def test_a_given_folder_is_never_passed_over(folder, tmp_path, monkeypatch, source):
    missing = str(tmp_path / "not there")
    assert f"data_dir: no such file or folder '{missing}'" in refusal(load_toy, missing, data=source)
    assert "data_dir: no such file or folder ''" in refusal(load_toy, "", data=source)
    monkeypatch.setenv("RNN_MNIST_DATA", missing)
    assert f"RNN_MNIST_DATA: no such file or folder '{missing}'" in refusal(load_toy, data=source)
    (folder / "train-images-idx3-ubyte").write_bytes(b"")
    monkeypatch.setenv("RNN_MNIST_DATA", str(folder))
    assert "empty" in refusal(load_toy, data=source)


def test_auto_falls_back_loudly_to_synthetic_digits(flag_words, capsys):
    loaded = load(offline=True)
    assert loaded.source.kind == "synthetic digits, not MNIST"
    assert [len(split.labels) for split in loaded[:3]] == [55_000, 5_000, 10_000]
    stdout, stderr = capsys.readouterr()
    assert stdout == "" and stderr.count("\n") == 1
    assert "--offline" in stderr and "not MNIST scores" in stderr


def test_synthetic_is_taken_when_asked_for_without_a_word(toy_data_dir, monkeypatch, capsys):
    monkeypatch.setenv("RNN_MNIST_DATA", toy_data_dir)
    loaded = load(data="synthetic")
    assert loaded.source.kind == "synthetic digits, not MNIST"
    assert np.array_equal(loaded.valid.images[:50], synthetic.draw(2000, synthetic.SEED)[0][:50])
    assert capsys.readouterr() == ("", "")


def test_synthetic_with_a_data_dir_is_refused(toy_data_dir):
    assert "leave out data_dir" in refusal(load_toy, toy_data_dir, data="synthetic")


def test_mnist_never_falls_back_and_says_how_to_get_it(flag_words):
    message = refusal(load, data="mnist", offline=True)
    assert "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz" in message
    assert "train-images-idx3-ubyte.gz" in message and "https://ossci-datasets.s3.amazonaws.com/mnist/" in message
    assert "--data-dir" in message


def test_digest_tells_data_apart_and_not_packings(folder, tmp_path, toy_data_dir):
    (tmp_path / "some.npz").write_bytes(npz_bytes())
    sources = [load_toy(path).source for path in (folder, tmp_path / "some.npz", toy_data_dir)]
    assert sources[0].digest == sources[1].digest != sources[2].digest


# ---- splits ----

def test_first_images_are_the_validation_set(toy_data_dir):
    images, labels, test_images, test_labels = read_arrays(toy_data_dir)
    loaded = load_toy(toy_data_dir, n_valid=100)
    for split, X, y in ((loaded.valid, images[:100], labels[:100]), (loaded.train, images[100:], labels[100:]),
                        (loaded.test, test_images, test_labels)):
        assert split.images.dtype == np.uint8 and split.labels.dtype == np.int32
        assert np.array_equal(split.images, X) and np.array_equal(split.labels, y)


def test_no_validation_set(toy_data_dir):
    loaded = load_toy(toy_data_dir, n_valid=0)
    assert len(loaded.train.images) == 600 and loaded.valid.images.shape == (0, 28, 28)


def test_subset_is_the_end_of_the_permutation_and_its_last_share_validates(toy_data_dir):
    """Experiment C in small: everything after the first 402 of RandomState(7)'s permutation, 30 % of it validation."""
    images, labels = read_arrays(toy_data_dir)[:2]
    chosen = np.random.RandomState(7).permutation(600)[402:]
    loaded = load_toy(toy_data_dir, n_subset=198, n_valid=0, valid_fraction=0.3)
    assert len(loaded.valid.labels) == 59 and len(loaded.train.labels) == 139
    assert np.array_equal(loaded.train.images, images[chosen[:139]])
    assert np.array_equal(loaded.train.labels, labels[chosen[:139]])
    assert np.array_equal(loaded.valid.images, images[chosen[139:]])
    other = load_toy(toy_data_dir, n_subset=198, subset_seed=8)
    assert not np.array_equal(other.train.labels, loaded.train.labels[:len(other.train.labels)])


def test_experiment_c_has_its_published_sizes():
    loaded = load(data="synthetic", n_subset=19_800, n_valid=0, valid_fraction=0.3)
    assert len(loaded.train.labels) == 13_860 and len(loaded.valid.labels) == 5_940


@pytest.mark.parametrize(("settings_", "expected"), [
    ({"n_valid": 600}, "--n-valid 600 leaves none of the 600"),
    ({"n_valid": 5000}, "--n-valid 5000 leaves none of the 600"),
    ({"n_subset": 601}, "--n-subset 601 is more than the 600"),
    ({"n_subset": 100, "n_valid": 100}, "--n-valid 100 leaves none of the 100"),
    ({"batch_size": 596}, "at most --batch-size 595"),
    ({"n_valid": 0, "valid_fraction": 0.99, "n_subset": 10}, "--valid-fraction 0.99 leaves none"),
    ({"n_valid": 0, "valid_fraction": 0.0001}, "--valid-fraction 0.0001"),
])
def test_sizes_that_do_not_fit_are_refused(flag_words, toy_data_dir, settings_, expected):
    assert expected in refusal(load_toy, toy_data_dir, **settings_)


def test_the_largest_sizes_that_fit_are_taken(toy_data_dir):
    loaded = load_toy(toy_data_dir, n_valid=599, batch_size=1, replicas=1)
    assert len(loaded.train.labels) == 1
    assert len(load_toy(toy_data_dir, n_valid=0, batch_size=600).train.labels) == 600


# ---- minibatches ----

def test_minibatches_are_the_tutorials():
    """366 parts of one permutation of 55,000: the first 100 hold 151 images, the rest 150."""
    X, y = np.arange(55_000, dtype=np.uint32).reshape(-1, 1, 1), np.arange(55_000, dtype=np.int32)
    rnd, same = np.random.RandomState(42), np.random.RandomState(42)
    for _ in range(2):  # each epoch takes the next permutation
        batches = list(data.shuffle_batch(X, y, 150, rnd))
        assert [len(batch[1]) for batch in batches] == [151] * 100 + [150] * 266
        assert np.array_equal(np.concatenate([batch[1] for batch in batches]), same.permutation(55_000))
        assert all(np.array_equal(X_batch.ravel(), y_batch) for X_batch, y_batch in batches)


@pytest.mark.parametrize(("n", "size"), [(10, 3), (9, 3), (2, 5), (1, 1)])
def test_sequential_batches_leave_nothing_out(n, size):
    X, y = np.arange(n * 784).reshape(n, 28, 28), np.arange(n)
    batches = list(data.sequential_batches(X, y, size))
    assert np.array_equal(np.concatenate([batch[0] for batch in batches]), X)
    assert np.array_equal(np.concatenate([batch[1] for batch in batches]), y)
    assert max(len(batch[1]) for batch in batches) <= size


def test_loading_data_imports_no_downloader(toy_data_dir):
    """pooch and requests cost a tenth of a second each time; a run that has its data does without."""
    code = ("import sys; from rnn_mnist.config import Config, RunOptions; from rnn_mnist.data import load_data; "
            "load_data(Config(n_valid=5), RunOptions(data_dir=sys.argv[1])); "
            "load_data(Config(data='synthetic'), RunOptions()); "
            "sys.exit(sorted({'pooch', 'requests', 'tensorflow', 'matplotlib'} & set(sys.modules)) or 0)")
    done = subprocess.run([sys.executable, "-c", code, toy_data_dir], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


# ---- the order an image is read in ----

def order_of(order, **settings):
    """Return the order of the pixels as a list."""
    return data.pixel_order(with_settings(Config(), order=order, **settings)).tolist()


def test_orders_are_what_they_are_called():
    rows = [[28 * row + column for column in range(28)] for row in range(28)]
    flat = [pixel for row in rows for pixel in row]
    assert order_of("rows") == order_of("pixels") == flat
    assert order_of("columns") == [row[column] for column in range(28) for row in rows]
    assert order_of("reversed") == [pixel for row in reversed(rows) for pixel in row]
    assert order_of("permuted") == np.random.RandomState(92916).permutation(784).tolist()
    assert order_of("permuted", permutation="7") == np.random.RandomState(7).permutation(784).tolist()


def test_bit_reversal_is_that_of_ten_bits_without_what_is_no_pixel():
    found = order_of("permuted", permutation="bit-reversal")
    assert found[:8] == [0, 512, 256, 768, 128, 640, 384, 64]  # 896, the reverse of 7, is none
    assert sorted(found) == list(range(784))
    doubled = [0]
    while len(doubled) < 1024:  # the reversal of n + 1 bits from that of n
        doubled = [2 * i for i in doubled] + [2 * i + 1 for i in doubled]
    assert found == [i for i in doubled if i < 784]


def test_some_rows_are_the_same_order_without_the_others():
    for order in ("rows", "reversed", "pixels", "permuted"):
        assert order_of(order, rows_from=7, rows_to=21) == [i for i in order_of(order) if 7 <= i // 28 < 21]


def test_the_digest_of_the_papers_permutation_is_the_same_everywhere():
    assert data.order_digest(with_settings(Config(), order="permuted")) == PERMUTATION_92916


# SHA-256 over the 784 numbers as little-endian 32-bit integers.
PERMUTATION_92916 = "8028ff1eba5833e7273ccfd96ea9211bd6d9ec929ddf612a958cc874807b2a3b"


@pytest.mark.parametrize(("settings", "words"), [
    ({"order": "pixels", "n_steps": 28, "n_inputs": 28}, "order='pixels' reads one pixel after the other"),
    ({"order": "permuted", "permutation": "x"}, "permutation must be a whole number from 0 to 4294967295, or bit-rev"),
    ({"order": "permuted", "permutation": "4294967296"}, "permutation must be a whole number"),
    ({"order": "permuted", "permutation": "042"}, "permutation must be a whole number"),
    ({"order": "permuted", "permutation": "0" * 20 + "9" * 11}, "permutation must be a whole number"),
    ({"order": "permuted", "permutation": "-1"}, "permutation must be a whole number"),
    ({"order": "permuted", "permutation": "9" * 5000}, "permutation must be a whole number"),
    ({"order": "permuted", "permutation": -1}, "permutation must be a whole number"),
    ({"order": "permuted", "permutation": True}, "permutation must be a text"),
    ({"permutation": "7"}, "permutation has no effect with order rows"),
    ({"rows_from": 14, "rows_to": 14}, "leave no row"), ({"order": "columns", "rows_to": 14}, "leave out rows_from"),
    ({"rows_from": 14, "rows_to": 3}, "leave no row"),
    ({"rows_to": 3, "bptt_steps": 20}, "bptt_steps=20 is more than the 3 time steps there are"),
    ({"rows_to": 3, "n_steps": 14, "n_inputs": 56}, "the pixels of 3 rows do not fill steps of n_inputs=56"),
])
def test_readings_that_cannot_be_are_refused(settings, words):
    message = refusal(with_settings, Config(), **settings)
    assert words in message and "--" not in message and len(message) < 300


def test_an_order_brings_its_number_of_steps_unless_that_is_given():
    pixels = with_settings(Config(), order="pixels")
    assert (pixels.n_steps, pixels.n_inputs) == (784, 1)
    assert with_settings(pixels, order="columns") == with_settings(Config(), order="columns")
    permuted = with_settings(Config(), order="permuted", n_steps=28, n_inputs=28)
    assert (permuted.n_steps, permuted.n_inputs, permuted.n_read) == (28, 28, 28)
    assert with_settings(pixels, rows_to=14).n_read == 392
