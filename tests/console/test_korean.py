"""The command line in Korean: what is refused, and what is printed and drawn, with --lang ko or LANG=ko_KR.UTF-8."""

import json
import re
import runpy
import sys
from pathlib import Path

import pytest
from helpers import idx_bytes, outcome
from made_runs import make_run

from rnn_mnist.config import RunOptions
from rnn_mnist.console import languages
from rnn_mnist.console.guard import check_place
from rnn_mnist.console.settings import UserError

HANGUL, PHRASE = re.compile("[가-힣]"), re.compile("[a-z]{2,},? [a-z]{2,},? [a-z]{2,}")
QUOTED = re.compile(r"'[^']*'|\(.*\)|\S*[-_/.]\S*")  # reasons of others, flags, paths, names


@pytest.fixture
def place(tmp_path, monkeypatch, toy_data_dir):
    """Return a folder, the working directory, with runs and files that something is the matter with."""
    monkeypatch.chdir(tmp_path)
    sound = make_run("runs", "sound")
    for name in ("no-json", "unknown-key", "edited", "damaged", "unfinished", "cut"):
        make_run("runs", name, finished=name != "unfinished")
    (tmp_path / "runs/no-json/config.json").write_text("{")
    values = json.loads((sound.path / "config.json").read_text())
    (tmp_path / "runs/unknown-key/config.json").write_text(json.dumps({**values, "colour": 1}))
    (tmp_path / "runs/edited/result.json").write_text("{}")
    (tmp_path / "runs/damaged/metrics.csv").write_text((sound.path / "metrics.csv").read_text() + "1,2\n")
    (tmp_path / "runs/cut/metrics.csv").unlink()
    (tmp_path / "runs/sound/export").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "bad.toml").write_text("=")
    (tmp_path / "bad.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    (tmp_path / "data").mkdir()
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
                 "t10k-labels-idx1-ubyte"):
        (tmp_path / "data" / name).write_bytes(idx_bytes([1])[:-1])
    (tmp_path / "toy").symlink_to(toy_data_dir)
    return tmp_path


def start(script, *argv):
    """Run a script in this process, by its entry point; return its exit code."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as end:
        patch.setattr(sys, "argv", [script, *argv])
        runpy.run_path(f"{languages.__file__.removesuffix('rnn_mnist/console/languages.py')}scripts/{script}",
                       run_name="__main__")
    return end.value.code


REFUSED = """
plot_run.py absent
plot_run.py empty
evaluate.py runs/no-json
evaluate.py runs/unknown-key
plot_run.py runs/damaged
plot_run.py runs/cut
rerun.py runs/edited
rerun.py runs/unfinished
rerun.py --compare-only runs/sound runs/absent
export.py runs/sound --lang ko
evaluate.py runs/sound --data-dir toy
evaluate.py runs/sound --rows-from 9 --rows-to 9
train_rnn.py --epochs 0
train_rnn.py --seed 99999999999
train_rnn.py --n-steps 3 --data synthetic
train_rnn.py --bptt-steps 99
train_rnn.py --order columns --rows-to 9
train_rnn.py --cell lstm --activation relu
train_rnn.py --run-name a/b
train_rnn.py --run-name sound
train_rnn.py --runs-dir file
train_mlp.py --resume runs/sound
train_mlp.py --resume empty --experiment mlp-relu
reproduce.py nothing
reproduce.py lstm-3
reproduce.py mlp-relu --data-dir absent --lang ko
reproduce.py mlp-relu --data-dir empty --lang ko
reproduce.py mlp-relu --data-dir data --lang ko
reproduce.py numpy-inference --weights bad.pkl --lang ko
show_data.py --data-dir toy --image 999 --lang ko
sweep.py --seeds 9-0
sweep.py --learning-rate 0.1-0.2 --lang ko
sweep.py --dropout much
sweep.py --from bad.toml
sweep.py --workers 0
sweep.py --tls file
watch_digit.py runs/sound
train_rnn.py --n-neurons many
train_rnn.py --cell transformer
train_rnn.py --cel lstm
evaluate.py
""".strip().split("\n")


@pytest.mark.parametrize("line", REFUSED)
def test_a_refusal_is_one_line_in_korean(place, monkeypatch, capfd, line):
    if "--lang" not in line:
        monkeypatch.setenv("LANG", "ko_KR.UTF-8")
    assert start(*line.split()) == 2
    out, err = capfd.readouterr()
    *loading, said = err.splitlines()  # the first word that what takes long to import gets
    assert out == "" and all(line.endswith(" 불러오는 중 ...") for line in loading), err
    assert HANGUL.search(said) and not PHRASE.search(QUOTED.sub("-", said)), err


def test_a_notebook_is_told_in_the_language_of_its_process(monkeypatch, tmp_path):
    monkeypatch.setenv("LANG", "ko_KR.UTF-8")
    with pytest.raises(UserError, match=r"^run_name 'a/b': 어느 시스템에서나 쓸 수 있는 폴더 이름"):
        check_place(RunOptions(run_name="a/b", runs_dir=str(tmp_path)))


@pytest.mark.parametrize("script", sorted(path.name for path in Path("scripts").glob("*.py")))
def test_every_script_speaks_the_language_that_is_asked_for(script, capfd):
    assert start(script, "--help") in (0, None)
    assert "--lang" in capfd.readouterr().out


def test_what_a_run_records_is_english_in_either_language(tmp_path, toy_data_dir):
    from rnn_mnist.train import train
    records = {}
    for language in languages.LANGUAGES:
        languages.use(language)
        run = train(model="mlp", hidden_sizes=[6], epochs=1, n_valid=100, data_dir=toy_data_dir, run_name=language,
                    runs_dir=str(tmp_path))
        texts = [path.read_text() for path in run.path.iterdir() if path.suffix in (".txt", ".csv", ".json")]
        assert not HANGUL.search("".join(texts))
        records[language] = outcome(run.path)
    assert [line.replace("/ko", "/en") for line in records["ko"][2]] == records["en"][2]
    assert records["ko"][:2] == records["en"][:2]
    drawn = [(tmp_path / language / "plots/curves.png").read_bytes() for language in languages.LANGUAGES]
    assert drawn[0] != drawn[1]
