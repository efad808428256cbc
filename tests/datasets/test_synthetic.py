"""The drawn digits: the same bytes everywhere, cached soundly, hard enough for a line and learnable all the same."""

import hashlib
import os

import numpy as np
import pytest

from rnn_mnist.datasets import download, synthetic


@pytest.fixture(scope="module")
def digits():
    return synthetic.load_digits(download.cache_folder())


def _digest(arrays):
    images, labels = np.concatenate([arrays[0], arrays[2]]), np.concatenate([arrays[1], arrays[3]])
    return hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()


def test_full_set_has_the_pinned_bytes(digits):
    assert [(array.dtype, array.shape) for array in digits] == [
        (np.uint8, (60_000, 28, 28)), (np.uint8, (60_000,)), (np.uint8, (10_000, 28, 28)), (np.uint8, (10_000,))]
    assert _digest(digits) == "8e9fa34285327bf8255874caf2bd66477efc66a4f6d3454190a147745e86f2e3"


def test_all_classes_are_about_equally_many_and_shuffled(digits):
    for labels in (digits[1], digits[3]):
        shares = np.bincount(labels, minlength=10) / len(labels)
        assert len(shares) == 10 and shares.min() > 0.09 and shares.max() < 0.11
    assert len(set(digits[1][:50])) == 10


def test_no_image_is_blank_or_occurs_twice(digits):
    images = np.concatenate([digits[0], digits[2]])
    assert len({image.tobytes() for image in images}) == 70_000
    assert images.reshape(70_000, 784).max(axis=1).min() > 100


def test_another_seed_draws_other_digits_and_the_same_seed_the_same():
    images, labels = synthetic.draw(30, seed=1)
    again, other = synthetic.draw(30, seed=1), synthetic.draw(30, seed=2)
    assert np.array_equal(images, again[0]) and np.array_equal(labels, again[1])
    assert not np.array_equal(images, other[0]) and not np.array_equal(labels, other[1])


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Shrink the set to 400 digits; return the cache folder, filled."""
    monkeypatch.setattr(synthetic, "N_TRAIN", 300)
    monkeypatch.setattr(synthetic, "N_TEST", 100)
    images, labels = synthetic.draw(400, synthetic.SEED)
    monkeypatch.setattr(synthetic, "DIGEST", hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest())
    assert _digest(synthetic.load_digits(str(tmp_path))) == synthetic.DIGEST
    return tmp_path


def test_cache_is_read_not_drawn_again(small, monkeypatch):
    monkeypatch.setattr(synthetic, "draw", None)
    assert _digest(synthetic.load_digits(str(small))) == synthetic.DIGEST
    assert os.listdir(small) == ["synthetic-digits.bin"]


@pytest.mark.parametrize("damage", ["flip", "cut", "longer", "empty"])
def test_damaged_cache_is_drawn_anew(small, damage):
    path = small / "synthetic-digits.bin"
    content = bytearray(path.read_bytes())
    content[12_345] ^= damage == "flip"
    path.write_bytes({"flip": content, "cut": content[:-1], "longer": content + b"\0", "empty": b""}[damage])
    assert _digest(synthetic.load_digits(str(small))) == synthetic.DIGEST
    assert hashlib.sha256(path.read_bytes()).hexdigest() == synthetic.DIGEST
    assert os.listdir(small) == ["synthetic-digits.bin"]  # and nothing half-written beside it


def test_cache_that_cannot_be_written_costs_time_only(small):
    (small / "file").write_text("in the way")
    (small / "synthetic-digits.bin").unlink()
    (small / "synthetic-digits.bin").mkdir()
    for folder in (small, small / "file"):
        assert _digest(synthetic.load_digits(str(folder))) == synthetic.DIGEST
    assert sorted(os.listdir(small)) == ["file", "synthetic-digits.bin"]
    assert (small / "file").read_text() == "in the way"


def _unit_rows(images):
    rows = images.reshape(len(images), 784).astype(np.float32)
    return rows / np.sqrt((rows * rows).sum(axis=1, keepdims=True))


def test_a_linear_model_stays_far_below_what_the_pixels_tell(digits):
    """Softmax regression, trained by Adam in NumPy, against 1-nearest-neighbour on the same 20,000 images."""
    X, y, X_test, y_test = _unit_rows(digits[0][:20_000]), digits[1], _unit_rows(digits[2][:1000]), digits[3][:1000]
    nearest = y[np.argmax(X_test @ X.T, axis=1)]
    rnd, theta = np.random.RandomState(0), np.zeros((784, 10), np.float32)
    mean, square, step = np.zeros_like(theta), np.zeros_like(theta), 0
    for _ in range(8):
        for part in np.array_split(rnd.permutation(len(X)), 200):
            p = np.exp(X[part] @ theta)
            p /= p.sum(axis=1, keepdims=True)
            p[np.arange(len(part)), y[part]] -= 1
            gradient, step = X[part].T @ p / len(part), step + 1
            mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient * gradient
            theta -= 0.02 * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
    linear_accuracy = np.mean(np.argmax(X_test @ theta, axis=1) == y_test)
    assert 0.6 < linear_accuracy < 0.85
    assert np.mean(nearest == y_test) > linear_accuracy + 0.1
