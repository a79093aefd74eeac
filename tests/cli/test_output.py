"""The one place that prints: nothing that it prints steers a terminal or shows a secret."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

import pytest

from fullturn.cli import output
from fullturn.cli.serving import BackgroundLines
from fullturn.core import credentials
from fullturn.core.showing import grid, line, styled, then
from fullturn.core.wording import visible

STEERING = "a\x1b]0;owned\x07b\u202ec\x9b2Jd\re"
SHOWN = r"a\x1b]0;owned\x07b\u202ec\x9b2Jd\x0de"
SECRET = "sk-pr1nted"


def _show(text: str) -> None:
    output.show(Shown(text))


class Shown:
    """A result with text from outside in every kind of block."""

    def __init__(self, text: str) -> None:
        self.text = text


@output.view.register
def _(result: Shown) -> list[object]:
    text = result.text
    rows = [(text,), (styled(text, "dim"),)]
    return [line(text), line(styled(text, "bold")), grid((text,), rows),
            then(text), then(text, "x" * 100)]  # fmt: skip


PRINTERS: dict[str, Callable[[str], None]] = {
    "say": lambda text: output.say(output.escape(text)),
    "show": _show,
    "note": output.say_note,
    "verbatim": output.say_verbatim,
    "error": lambda text: output.say_error(text, 2, as_json=False),
    "json": output.say_json,
    "error in JSON": lambda text: output.say_error(text, 2, as_json=True),
    "table": lambda text: output.table((text,), [(text,)], title=text),
}


@pytest.mark.parametrize("printer", PRINTERS)
def test_text_from_outside_steers_no_terminal_and_shows_no_secret(
    printer: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_API_KEY", SECRET)
    credentials.secret("MY_API_KEY")
    PRINTERS[printer](f"{STEERING} {SECRET}")
    out, err = capsys.readouterr()
    printed = out + err
    assert printed.strip() and not set(printed) & set("\x1b\x07\u202e\x9b\r")
    assert SECRET not in printed
    if "JSON" not in printer and printer != "json":
        assert SHOWN in printed.replace("\n", "")


def test_json_has_the_same_value(capsys: pytest.CaptureFixture[str]) -> None:
    output.say_json({"a": STEERING, "b": "é\u2028\U000e0041"})
    printed = capsys.readouterr().out
    assert json.loads(printed) == {"a": STEERING, "b": "é\u2028\U000e0041"}
    assert "é" in printed and not set(printed) & set("\x1b\u202e\u2028\U000e0041")


SAID = {
    "a header": ('{"Authorization": "Bearer abc-def"}', "abc-def"),
    "a header at the end": ('Authorization: Bearer abc-def"', "abc-def"),
    "an address": ('/hook?token=abc-def"', "abc-def"),
    "a key": ('"-----BEGIN PRIVATE KEY-----" MIIEvQIBADANBg', "nothing of it"),
    "digits": ("it was 481516234297", "481516234297"),
    "a quote": ('it was a"b"c-d', 'b"c'),
    "a backslash": ("it was a\\b\\c-d", "\\c-d"),
}


@pytest.mark.parametrize(("text", "secret"), SAID.values(), ids=SAID)
def test_what_is_masked_leaves_json(
    text: str, secret: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("A", "481516234297"), ("B", 'a"b"c-d'), ("C", "a\\b\\c-d")):
        monkeypatch.setenv(name, value)
        credentials.secret(name, is_token=False)
    output.say_json({"text": text, "share": 0.481516234297, text: [text]})
    printed = capsys.readouterr().out
    value = json.loads(printed)
    assert value.pop("share") == 0.481516234297 and len(value) == 2
    assert secret not in f"{value}" and secret not in str(list(value.values()))
    assert json.dumps(secret)[1:-1] not in printed.replace("0.481516234297", "")


def test_ordinary_text_of_all_scripts_stays() -> None:
    text = "naïve café\tשלום 안녕 مرحبا 👩\u200d🔬 ½\nline"
    assert visible(text) == text
    assert visible("\ud800") == r"\ud800"


def test_log_lines_of_the_server_are_made_safe_too(capsys: pytest.CaptureFixture[str]) -> None:
    record = logging.makeLogRecord({"msg": "failed: %s", "args": (STEERING,), "levelno": 40})
    for as_json in (False, True):
        BackgroundLines(as_json)._say(record)  # noqa: SLF001
        printed = capsys.readouterr().out
        assert "failed" in printed and not set(printed) & set("\x1b\x07\u202e\x9b\r")
