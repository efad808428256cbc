"""One HTML file that needs nothing else: a template of page/, its styles and scripts put in, and the data of a run.

The page may load nothing, from nowhere: its content security policy lets only these scripts and styles run, by their
digests. What is in the data is never markup: it is JSON that no end of a script can be in, and the scripts set texts.
"""

import base64
import hashlib
import html
import json
import os
import re
from pathlib import Path

from rnn_mnist import files
from rnn_mnist.console.languages import current, text, why
from rnn_mnist.console.settings import UserError

ASSETS = Path(__file__).with_name("page")
MAX_BYTES = 3_000_000  # of a page
MARK = b'<meta name="generator" content="rnn_mnist report">'  # in the first N_HEAD bytes of every page
N_HEAD = 4096
_SAID = re.compile(r'\bsay\(\s*("(?:[^"\\]|\\.)*")|<[^>]* data-say>([^<]+)<')


def build(template, title, data):
    """Return the HTML of a template of page/ with plain values as its data; raise UserError if one is not finite."""
    page = _asset(template)
    data = {**data, "language": current(), "korean": {english: text(english, "ko") for english in sentences()}}
    try:
        # A number that is none would be no JSON, and the browser would read nothing of it.
        content = json.dumps(data, allow_nan=False).replace("<", "\\u003c")
    except ValueError:
        raise UserError("{title}: no page: a figure is infinite or not a number: repeat the run", title=title) from None
    # Everything is put in by one pass: what a run's name or note holds is not searched for more.
    parts = {"<title></title>": f"<title>{html.escape(title)}</title>",
             'id="page-data"></script>': f'id="page-data">{content}</script>'}
    digests = {"script": [], "style": []}
    for reference, kind, name in re.findall(r'(<(script) src="(\w+\.js)"></script>)', page) + re.findall(
            r'(<(link) rel="stylesheet" href="(\w+\.css)">)', page):
        tag, asset = "style" if kind == "link" else kind, _asset(name).replace("</", "<\\/")
        digests[tag].append(base64.b64encode(hashlib.sha256(asset.encode()).digest()).decode())
        parts[reference] = f"<{tag}>{asset}</{tag}>"
    allowed = "; ".join(f"{tag}-src {' '.join(f'{chr(39)}sha256-{digest}{chr(39)}' for digest in found)}"
                        for tag, found in digests.items())
    parts["default-src 'none'"] = f"default-src 'none'; base-uri 'none'; form-action 'none'; {allowed}"
    return re.sub("|".join(map(re.escape, parts)), lambda found: parts[found[0]], page)


def check_place(path):
    """Raise UserError if there is anything but an earlier page where a page is to be written."""
    if not os.path.lexists(path):
        return
    if os.path.islink(path) or not os.path.isfile(path):  # a link, a folder, a pipe or a device
        raise UserError("{path}: is no file that a page could take the place of", path=path)
    with files.opened(path) as file:
        if MARK not in file.read(N_HEAD):
            raise UserError("{path}: was not made by report.py and is kept: move it away", path=path)


def write(path, page):
    """Write a page whole or not at all and return its path; raise UserError if it can't be or is too large."""
    check_place(path)
    if (size := len(page.encode())) > MAX_BYTES:
        raise UserError("{path}: not written: the page would have {size:,} bytes, more than {most:,}", path=path,
                        size=size, most=MAX_BYTES)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write(path, page)
    except OSError as error:
        raise UserError("{path}: the page cannot be written there ({reason}): see to that, and make it again",
                        path=path, reason=why(error)) from None
    return path


def sentences():
    """Return the English sentences that the templates and scripts of page/ say."""
    found = {}
    for path in sorted(ASSETS.iterdir()):
        for quoted, marked in _SAID.findall(_asset(path.name)):
            found[json.loads(quoted) if quoted else html.unescape(marked)] = None
    return [*found]


def _asset(name):
    return files.read_text(ASSETS / name)
