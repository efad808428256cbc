"""A run's web page: opened from its file in headless Chromium, without a network, read, drawn on, and never trusted."""

import base64
import importlib.util
import io
import json
import re
import shutil
import sys
from functools import partial

import numpy as np
import pytest
from made_runs import make_run
from PIL import Image

from rnn_mnist import files
from rnn_mnist.analysis import report, unusual
from rnn_mnist.analysis.hidden_states import inspect, logits_by_step
from rnn_mnist.analysis.picture import to_mnist
from rnn_mnist.analysis.run_facts import experiment_of, train_command
from rnn_mnist.config import Config, RunOptions, with_settings
from rnn_mnist.console import forms, languages
from rnn_mnist.console.languages import ORIGINAL, SYNTHETIC
from rnn_mnist.console.settings import UserError
from rnn_mnist.datasets import synthetic
from rnn_mnist.datasets.files import read_arrays
from rnn_mnist.export import web_page
from rnn_mnist.session import Network
from rnn_mnist.train import train
from rnn_mnist.tutorials import command
from rnn_mnist.tutorials.presets import PRESETS

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("shared_graphs")]
TOY = {"epochs": 20, "unroll": "fused", "batch_size": 50, "n_valid": 100, "n_neurons": 20, "learning_rate": 0.01,
       "plots": False}
IMAGES, _ = synthetic.draw(30, seed=9)
NETWORKS = [  # beside that of the toy run: basic, of one layer
    {"n_neurons": 8, "cell": "lstm", "peephole": True, "layers": 3, "read": "all", "n_steps": 14, "n_inputs": 56},
    {"n_neurons": 6, "cell": "lstm", "pixels": "raw", "order": "reversed", "rows_from": 7},
    {"n_neurons": 7, "cell": "gru", "layers": 2, "bidirectional": True, "read": "mean"},
    {"n_neurons": 5, "cell": "irnn", "order": "permuted", "rows_to": 8},
    {"model": "mlp", "hidden_sizes": (12, 8), "activation": "sigmoid"}]
FEW = IMAGES[:8]
STROKES = {1: [[(.5, .15), (.5, .85)]], 4: [[(.35, .15), (.28, .55), (.75, .55)], [(.62, .2), (.6, .88)]],
           7: [[(.28, .2), (.72, .2), (.45, .85)]]}


@pytest.fixture(scope="module")
def browser():
    """Give a headless Chromium; skip where there is none."""
    if CHROMIUM is None:
        pytest.skip("needs headless Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield found
        found.close()


@pytest.fixture
def opened(browser):
    """Return a function that opens a page's file offline, as wide as asked; nothing may be asked for or go wrong."""
    contexts, complaints = [], []

    def open_file(path, width=1280):
        """Return playwright's page."""
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, offline=True))
        page = contexts[-1].new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.extend({request.url} - {path.absolute().as_uri()}))
        page.goto(path.absolute().as_uri())
        return page
    yield open_file
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="module")
def run(toy_data_dir, tmp_path_factory):
    """Return a toy Run with its page."""
    found = train(data_dir=toy_data_dir, runs_dir=tmp_path_factory.mktemp("runs"), run_name="toy", **TOY)
    assert found.report() == found.path / "report.html"
    return found


@pytest.fixture
def call(monkeypatch, capsys):
    """Return a function that runs scripts/report.py's main with some flags and gives (exit code, stdout, stderr)."""
    def run_script(*flags):
        """Run it."""
        spec = importlib.util.spec_from_file_location("report_script", "scripts/report.py")
        script = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(script)
        monkeypatch.setattr(sys, "argv", ["report", *map(str, flags)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            script.run(script.main)
        return left.value.code or 0, *capsys.readouterr()
    return run_script


def digits_on_pad(page, images):
    """Return the digits that a page answers with images uint8 [n, 28, 28] on its pad."""
    return page.evaluate("images => images.map((pixels) => { pad.put(pixels); const last = pad.probabilities.at(-1);"
                         "return last.indexOf(Math.max(...last)); })", images.reshape(len(images), -1).tolist())


def draw(page, strokes):
    """Draw strokes, in shares of the pad, by the mouse."""
    box = page.locator("#canvas").bounding_box()
    for stroke in strokes:
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place, steps=5)
        page.mouse.up()
    # The pad is drawn before the next picture of the screen, by what asked for that first. The page's policy forbids
    # playwright's wait_for_function, which evaluates its condition within the page; what is evaluated from here is not.
    page.evaluate("new Promise(requestAnimationFrame)")
    assert page.evaluate("pad.probabilities !== null")


# ---- the network in the page ----

@pytest.mark.slow
def test_every_network_gives_the_runs_logits(opened, run):
    page = opened(run.path / "report.html")
    rnd = np.random.RandomState(5)
    for settings in NETWORKS:
        config = with_settings(Config(replicas=1), **settings)
        with Network(config) as network:
            network.load({name: array + (array.ndim == 1) * rnd.normal(0, 0.05, array.shape).astype(np.float32)
                          for name, array in network.weights().items()})  # biases start at zero
            weights, expected = network.weights(), network.predict(FEW)[None]
        if config.layers > 1:  # after every step, too
            with inspect(config, weights) as inspection:
                expected = logits_by_step(inspection, FEW)
        found = np.array(page.evaluate(
            "([spec, images]) => { const network = openNetwork(spec);"
            "return images.map((image) => logitsByStep(network, image).map((logits) => [...logits])); }",
            [report.network_spec(config, weights), FEW.reshape(len(FEW), -1).tolist()])).transpose(1, 0, 2)
        assert len(found) == (config.n_read if config.model == "rnn" else 1)
        assert np.abs(found[-len(expected):] - expected).max() < 1e-4, settings
        assert np.ptp(expected[-1], axis=0).max() > 0.01  # it is not the same for all images


@pytest.mark.slow
def test_images_on_the_pad_are_read_as_the_run_reads_them(opened, run):
    page = opened(run.path / "report.html")
    images = np.array([in_mnists_form(image) for image in IMAGES[:12]])
    assert digits_on_pad(page, images) == (expected := run.predict(images).argmax(axis=1)).tolist()
    assert len({*expected}) > 2


def in_mnists_form(image):
    """Return uint8 [28, 28]: a digit in a box of 18 x 18 at most, its centre of mass in the middle."""
    rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
    digit = Image.fromarray(image[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1])
    digit.thumbnail((18, 18))
    moved = np.zeros((28, 28), np.uint8)
    moved[:digit.height, :digit.width] = digit
    for axis in (0, 1):
        centre = np.average(np.arange(28), weights=moved.sum(1 - axis))
        moved = np.roll(moved, round(14 - centre), axis)
    return moved


@pytest.mark.slow
def test_a_drawing_is_brought_into_mnists_form_as_predict_does_it(opened, run):
    page = opened(run.path / "report.html")
    for digit in (1, 4):
        strokes = STROKES[digit]
        page.evaluate("document.getElementById('clear').click()")
        draw(page, [*strokes, [(.1, .9), (.1, .901)]] if digit == 4 else strokes)  # a dot beside it is left out
        content = base64.b64decode(page.evaluate("canvas.toDataURL()").partition(",")[2])
        drawing = Image.open(io.BytesIO(content))
        seen = np.array(page.evaluate("[...pad.seen]")).reshape(28, 28)
        paper = Image.new("RGB", drawing.size, "white")
        paper.paste(drawing, mask=drawing)
        assert np.abs(seen - to_mnist(paper, "drawing").astype(int)).max() <= 3, digit


@pytest.mark.slow
# ---- the pad ----

def test_a_digit_drawn_by_mouse_gets_its_bars_and_can_be_taken_back(opened, run):
    page = opened(run.path / "report.html")
    assert page.locator("#hint").is_visible() and page.locator("#undo").is_disabled()
    for strokes in (STROKES[7], STROKES[4]):
        draw(page, strokes)
        shares = page.locator("#bars .share").all_inner_texts()
        assert len(shares) == 10 and sum(float(share.rstrip("\xa0%")) for share in shares) == pytest.approx(100, abs=.6)
        answer = page.locator("#answer").inner_text()
        assert answer.startswith("read as ") and page.locator("#bars .best").count() == 1
        assert page.locator("#belief circle").count() == 28  # the answer after each row
        page.locator("#undo").focus()
        for _ in strokes:
            page.keyboard.press("Enter")
        assert page.locator("#answer").inner_text() == "nothing drawn yet" and page.locator("#hint").is_visible()


@pytest.mark.slow
def test_on_the_original_mnist_a_1_a_4_and_a_7_are_read(opened, mnist_dir, tmp_path):
    run = train(data_dir=mnist_dir, runs_dir=tmp_path, run_name="a", epochs=1, unroll="fused", plots=False)
    page = opened(run.report())
    for digit, strokes in STROKES.items():
        page.evaluate("document.getElementById('clear').click()")
        draw(page, strokes)
        assert page.locator("#answer").inner_text().startswith(f"read as {digit},")
    images = read_arrays(mnist_dir)[2][:40]
    assert (digits_on_pad(page, images) == run.predict(images).argmax(axis=1)).mean() >= 0.97


def test_a_click_draws_a_dot_and_what_is_unusual_is_said_as_by_predict(opened, run):
    page = opened(run.path / "report.html")
    draw(page, [[(.5, .5)]])
    assert page.evaluate("Math.max(...pad.seen)") == 255
    assert page.locator("#unusual").inner_text().startswith("unusual for a digit: much ink (")
    images = np.zeros([7, 28, 28], np.uint8)
    images[0, 14, 14] = images[1, 2:27, 13] = images[2, 13:15, 4:24] = 255  # little ink, narrow, wide
    images[3, 4:24, 4:24] = 255  # much ink
    images[4, 5:24:6, 12:15] = images[5, np.arange(28), np.arange(28)] = 200  # parts; corners that touch
    for language in ("ko", "en"):
        found = page.evaluate(f"images => {{ language = '{language}'; return images.map((pixels) => "
                              "warnings(pixels, PAGE.pad.bounds)); }", images.reshape(7, -1).tolist())
        assert found == [unusual.warnings(pixels, partial(languages.text, language=language)) for pixels in images]
    assert len({line.split()[0] for lines in found for line in lines}) >= 5


@pytest.mark.slow
# ---- the page ----

def test_the_page_says_all_in_both_languages_wide_and_on_a_phone(opened, run):
    for width in (1280, 390):
        page = opened(run.path / "report.html", width)
        for language, word in (("en", "Confusion matrix"), ("ko", "혼동 행렬")):
            page.locator(f"[data-language={language}]").click()
            words = page.locator("body").inner_text()
            assert word in words and f"{run.result['acc_test']:.4f}" in words
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.locator("html").get_attribute("lang") == language
            counts = page.locator(".matrix td").all_inner_texts()
            assert sum(int(count) for count in counts if count) == 200
        assert "Undo" not in words and "accuracy" not in words
        small = page.evaluate("[...document.querySelectorAll('p, dt, dd, li, button, figcaption')]"
                              ".filter((each) => parseFloat(getComputedStyle(each).fontSize) < 16).length")
        assert small == 0


def test_the_page_begins_in_the_language_of_the_process(opened, run, tmp_path):
    languages.use("ko")
    page = opened(report.write_report(run, tmp_path / "page.html"))
    assert page.locator("html").get_attribute("lang") == "ko" and "지우기" in page.locator("body").inner_text()
    assert "※ 원본 MNIST 아님" in page.locator("#data.loud").inner_text()


def test_an_error_is_put_on_the_pad_and_a_test_digit_chosen(opened, run):
    page = opened(run.path / "report.html")
    page.locator("#errors button").first.click()
    evaluation = run.evaluate()
    assert page.evaluate("[...pad.marks[0].pixels]") == evaluation.images[evaluation.worst[0]].ravel().tolist()
    assert page.locator("#answer").inner_text().startswith("read as ")
    page.locator("#reading .choice").nth(3).click()
    assert page.locator("#reading .choice[aria-pressed=true]").count() == 1
    figures = page.evaluate("[PAGE.reading.accuracy.at(-1), PAGE.scores.confusion.map((row, i) => row[i])]")
    assert figures[0] == run.result["acc_test"] and sum(figures[1]) == run.result["n_correct_test"]


def test_names_settings_and_notes_are_never_markup(opened, tmp_path):
    name = "<img src=x onerror=alert(1)>&amp;"
    evil = "</script><script>alert(1)</script><!-- {{x}} default-src 'none'"
    made = make_run(tmp_path, "a", finished=False, init_from=evil)
    (tmp_path / "a").rename(tmp_path / name)
    made = type(made)(tmp_path / name)
    (made.path / "environment.json").write_text(json.dumps({"data": evil, "cpu": evil, evil: [evil]}))
    made.write_note(evil)
    page = opened(report.write_report(made))
    assert page.locator("h1").inner_text() == name and page.title() == name
    assert page.locator("#note").inner_text() == evil and page.locator("img").count() == 0
    page.locator("#environment summary").click()
    assert page.locator("#environment dd").first.inner_text() == evil


def test_the_policy_forbids_everything_but_the_pages_own_scripts(run):
    page = (run.path / "report.html").read_text()
    policy = re.search('Content-Security-Policy" content="([^"]+)"', page)[1]
    assert policy.startswith("default-src 'none'; base-uri 'none'; form-action 'none'; script-src 'sha256-")
    assert "unsafe" not in policy and "http" not in policy
    assert re.findall(r'(?:src|href)="', page) == []


# ---- what is missing ----

@pytest.mark.parametrize("finished", [True, False])
def test_without_checkpoints_or_an_end_the_page_says_what_is_missing(opened, tmp_path, finished):
    made = make_run(tmp_path, "a", finished=finished, kind=ORIGINAL if finished else SYNTHETIC, seed=3)
    shutil.rmtree(made.path / "checkpoints")
    page = opened(report.write_report(made))
    words = page.locator("body").inner_text()
    assert "has no checkpoints (any more): repeat it by" in words
    assert ("SYNTHETIC DIGITS, NOT MNIST" in words) != finished
    assert page.locator("#curves svg").count() >= 2 and not page.locator("#canvas").is_visible()
    assert ("not finished: go on with it by" in words) != finished
    assert "another seed" in words or not finished  # the figures that only seed 42 replays
    page.locator("[data-language=ko]").click()
    words = page.locator("body").inner_text()
    assert "has no" not in words and "not finished" not in words


def test_a_network_too_large_and_data_not_at_hand_are_told(opened, run, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "MOST_WEIGHTS", 1000)
    copy = type(run)(shutil.copytree(run.path, tmp_path / "copy"))
    settings = json.loads((copy.path / "config.json").read_text())
    (copy.path / "config.json").write_text(json.dumps({**settings, "data_dir": str(tmp_path / "gone")}))
    page = opened(report.write_report(copy))
    assert "weights are too many for a page, which takes 1,000" in page.locator("#pad-missing").inner_text()
    assert "is not there: say where by" in page.locator("#confusion").inner_text()


def test_a_page_stays_below_three_megabytes(run, tmp_path, monkeypatch):
    assert (run.path / "report.html").stat().st_size < 300_000
    made = make_run(tmp_path, "long")
    rows = [{**made.metrics[0], "epoch": epoch} for epoch in range(3000)]
    (made.path / "metrics.csv").write_text(f"{forms.METRICS_HEAD}\n" + "".join(map(forms.metrics_line, rows)))
    monkeypatch.setattr(report, "_measured", lambda *_: {
        "scores": {"missing": ["", ""]}, "reading": {"missing": ["", ""]}, "steps": None,
        "pad": {"weights": "A" * (4 * report.MOST_WEIGHTS * 4 // 3 + 4)}})
    assert report.write_report(made).stat().st_size < web_page.MAX_BYTES


def test_long_settings_are_cut_and_a_page_too_large_is_refused(tmp_path, monkeypatch):
    made = make_run(tmp_path, "a")
    settings = json.loads((made.path / "config.json").read_text())
    (made.path / "config.json").write_text(json.dumps({**settings, "data_dir": "d" * 1_000_000}))
    page = report.write_report(made)
    assert page.stat().st_size < 200_000 and "ddd\\u2026" in page.read_text()
    monkeypatch.setattr(web_page, "MAX_BYTES", 1000)
    before = page.read_bytes()
    with pytest.raises(UserError, match=r"report\.html: not written: the page would have"):
        report.write_report(made)
    assert page.read_bytes() == before


# ---- how to repeat it ----

@pytest.mark.parametrize("settings", [
    {}, {"cell": "lstm", "peephole": True, "layers": 2, "seed": 7},
    {"order": "permuted", "n_steps": 28, "n_inputs": 28}, {"order": "pixels", "cell": "gru"},
    {"n_valid": 0, "valid_fraction": 0.2}, {"optimizer": "momentum"},
    {"model": "mlp", "hidden_sizes": (12, 8), "optimizer": "sgd"}], ids=str)
def test_the_command_trains_the_same_settings(settings, monkeypatch, tmp_path):
    (tmp_path / "a b").mkdir()
    config = with_settings(Config(), **settings)
    options = RunOptions(data_dir=str(tmp_path / "a b"), eval_train=True)
    given = []
    monkeypatch.setattr("rnn_mnist.train.train", lambda *settings, **_: given.append(settings))
    words = report_words(train_command(config, options))
    monkeypatch.setattr(sys, "argv", words)
    command.train_command("", {"rnn": "rnn-rows", "mlp": "mlp-relu"}[config.model])
    assert words[0] == f"scripts/train_{config.model}.py" and given == [(config, options)]


def report_words(line):
    """Return the words of a command line, without python."""
    import shlex
    return shlex.split(line)[1:]


def test_the_experiment_of_a_run_is_known_by_its_settings():
    assert {name: experiment_of(preset.config) for name, preset in PRESETS.items()} == {name: name for name in PRESETS}
    assert experiment_of(with_settings(Config(), seed=7, epochs=3, unroll="fused")) == "rnn-rows"
    assert experiment_of(with_settings(Config(), n_neurons=7)) is None


# ---- the script ----

def test_all_makes_every_page_anew_and_an_index(opened, call, tmp_path):
    folder = tmp_path / "of runs"
    for name in ("b", "a#1"):
        make_run(folder, name, cell="gru")
    made = make_run(folder, "x", model="mlp", hidden_sizes=(5,))
    made.path.rename(folder / "\udcff")  # a byte that is not UTF-8
    (folder / "damaged").mkdir()
    for name in ("config.json", "metrics.csv"):
        (folder / "damaged" / name).write_text("")
    code, out, err = call("--all", folder)
    assert code == 0 and err.count("\n") == 1 and "left out" in err and "damaged" in err
    assert [line.rpartition("/")[0][-3:] for line in out.splitlines()] == ["a#1", "s/b", "cff", "uns"]
    (folder / "b/report.html").write_text("<title>of somebody else</title>")
    forged(folder / "a#1", n_test=0, n_correct_test=0)
    make_run(folder, "c")
    languages.use("ko")
    code, out, err = call("--all", folder, "--lang", "en")
    assert code == 0 and "b/report.html: was not made by report.py" in err and "a#1/result.json: damaged" in err
    assert err.count("\n") == 3 and (folder / "b/report.html").read_text() == "<title>of somebody else</title>"
    page = opened(folder / "index.html")
    assert page.locator(".runs a").all_inner_texts() == ["c", "\\udcff"]
    links = page.locator(".runs a")
    assert [links.nth(i).get_attribute("href") for i in range(2)] == ["c/report.html", "%FF/report.html"]
    assert page.locator(".runs td").all_inner_texts()[1:7] == [
        "rnn", "original MNIST", "the defaults", "2", "0.9000", "0.9000"]
    assert '"language": "en"' in (folder / "\udcff/report.html").read_text()


def forged(path, **values):
    """Write result.json of a run anew with other values and the digest that belongs to them."""
    result = json.loads((path / "result.json").read_text())
    result = {**result, **values}
    del result["digest"]
    (path / "result.json").write_text(json.dumps({**result, "digest": files.digest(result)}))


@pytest.mark.parametrize("values", [
    {"n_test": 0, "n_correct_test": 0}, {"n_correct_test": 10_001}, {"n_correct_test": -1}, {"n_test": 2**31},
    {"n_correct_test": 9000.0}, {"loss_test": float("nan")}, {"loss_test": float("inf")}, {"acc_test": 10**400},
    {"penalty": "much"}, {"penalty": None}, {"acc_valid": float("nan")}], ids=str)
def test_a_forged_result_is_damaged_for_every_reader(tmp_path, values):
    made = make_run(tmp_path, "a")
    forged(made.path)
    assert made.result["n_test"] == 10_000
    forged(made.path, **values)
    with pytest.raises(UserError, match=r"result\.json: damaged or edited"):
        report.write_report(made)


def test_what_cannot_be_is_told_in_one_line(call, tmp_path):
    (tmp_path / "folder.html").mkdir()
    empty = tmp_path / "empty"
    empty.mkdir()
    made = make_run(tmp_path, "a").path
    (tmp_path / "foreign.html").write_text("<title>of somebody else</title>")
    (tmp_path / "link.html").symlink_to(tmp_path / "nowhere.html")
    make_run(tmp_path / "runs", "a")
    (tmp_path / "runs/index.html").mkdir()
    for flags, word in (([], "give one RUN"), ([made, "--all", tmp_path], "give one RUN"), ([tmp_path], "no run"),
                        (["--all", tmp_path, "--out", "a.html"], "--out and --data-dir"),
                        ([made, "--out", made / "config.json"], "must end in .html"),
                        (["--all", tmp_path / "nowhere"], "no such folder"), (["--all", made], "holds no runs"),
                        (["--all", empty], "holds no runs"),
                        (["--all", ""], "what was given is empty"), ([made, "--out", ""], "what was given is empty"),
                        ([made, "--out", tmp_path / "folder.html"], "is no file"),
                        ([made, "--out", tmp_path / "link.html"], "is no file"),
                        (["--all", tmp_path / "runs"], "index.html: is no file"),
                        ([made, "--out", tmp_path / "foreign.html"], "foreign.html: was not made by report.py"),
                        ([made, "--out", made / "config.json" / "a.html"], "cannot be written")):
        code, out, err = call(*flags)
        assert (code, out, err.count("\n")) == (2, "", 1) and word in err, flags
    assert not [*tmp_path.rglob("*.tmp"), *tmp_path.rglob("report.html")]
