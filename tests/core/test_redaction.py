"""What is masked, and what is not; the same for errors, which mask themselves."""

from __future__ import annotations

import pytest

from fullturn.core import credentials, redaction
from fullturn.core.errors import CouldNotEvaluate, SettingsError
from fullturn.core.redaction import is_secret, redacted, redacted_tags, redacted_values


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://ada:pass-word@db/x is away", "postgresql://ada:…@db/x is away"),
        ("http://:p@ss@127.0.0.1:5000", "http://:…@127.0.0.1:5000"),
        ("https://hook.example/a?token=abc&x=1", "https://hook.example/a?token=…&x=1"),
        ("{'Authorization': 'Bearer abc.def'}", "{'Authorization': 'Bearer …'}"),
        ("Authorization: Basic YTpi", "Authorization: Basic …"),
        (
            "-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----",
            "-----BEGIN EC PRIVATE KEY-----…-----END EC PRIVATE KEY-----",
        ),
    ],
)
def test_passwords_in_addresses_headers_and_keys_are_masked(text: str, shown: str) -> None:
    assert redacted(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "models:/wine@champion",
        "http://127.0.0.1:5000/#/experiments/1@2",
        "sqlite:////home/a:b/mlflow.db and x@y",
        "send the header 'Authorization: Bearer TOKEN'",
        "postgresql://ada@db/x",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert redacted(text) == text


LINE = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC+/=x"
HEADER = "-----BEGIN RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    "key",
    [
        f"{HEADER}\n{LINE}\n{LINE}\nMHc=",
        f"{HEADER}\\n{LINE}\\n{LINE}",
        f"{HEADER}\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0123456789ABCDEF\n\n{LINE}\n",
        f"['{HEADER}\\n', '{LINE * 2}\\n', '{LINE * 2}\\n']",
        f"{HEADER} {LINE} {LINE}",
    ],
    ids=["cut short", "escaped", "encrypted", "lines in quotes", "one line"],
)
def test_a_private_key_without_its_end_is_masked(key: str) -> None:
    shown = redacted(f"{key} <p>whole</p>")
    assert "MIIE" not in shown and "MHc" not in shown and "whole</p>" in shown
    assert redacted(shown) == shown


def test_an_encrypted_key_with_headers_is_masked() -> None:
    head = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0123456789ABCDEF"
    key = f"{HEADER}\n{head}\n\n{LINE}\n-----END RSA PRIVATE KEY-----"
    assert redacted(f"{key} rest") == f"{HEADER}…-----END RSA PRIVATE KEY----- rest"


def test_a_page_that_quotes_the_header_of_a_key_is_otherwise_whole() -> None:
    page = f"<p>begins with <code>{HEADER}</code>, and</p>" + "<td>a cell</td>" * 9
    assert redacted(page) == page.replace(HEADER, f"{HEADER}…")
    assert redacted(redacted(page)) == redacted(page)


def test_a_secret_is_masked_also_as_a_page_or_json_spells_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SERVE_WITH", 'a<b"c\\d&e')
    credentials.secret("SERVE_WITH")
    spelled = ("a&lt;b&quot;c\\d&amp;e", 'a&lt;b"c\\d&amp;e', 'a<b\\"c\\\\d&e')
    assert [redacted(f"got {one}.") for one in spelled] == ["got …."] * 3


def test_masking_leaves_the_markup_around_a_secret() -> None:
    assert redacted("<p>Authorization: Bearer abc</p>") == "<p>Authorization: Bearer …</p>"
    assert redacted("<a>/x?token=abc</a>") == "<a>/x?token=…</a>"


def test_a_tag_of_json_stays_json_with_its_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_PASSWORD", "471147234297")
    credentials.secret("SOME_PASSWORD", is_token=False)
    plan = '{"until": 1471147234297.5, "who": "471147234297"}'
    masked = redacted_tags({"a": plan, "b": "471147234297", "c": '{"x": 1}'})
    assert masked == {
        "a": '{"until": 1471147234297.5, "who": "\\u2026"}',
        "b": "…",
        "c": '{"x": 1}',
    }
    assert redacted_tags(masked) == masked


def test_names_say_what_a_secret_is() -> None:
    secrets = ("OPENAI_API_KEY", "PGPASSWORD", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "DB_PASS")
    others = ("PWD", "TOKENIZERS_PARALLELISM", "KEYBOARD", "TOKEN_FILE", "SSH_KEY_PATH", "PATH")
    assert all(map(is_secret, secrets)) and not any(map(is_secret, others))


def test_a_secret_that_was_read_is_masked_wherever_it_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SERVE_WITH", "s3same/0pen\n")
    assert credentials.secret("SERVE_WITH") == "s3same/0pen"
    assert redacted("got s3same/0pen, or s3same%2F0pen") == "got …, or …"
    error = CouldNotEvaluate("illegal header value b'Bearer s3same/0pen\\n'")
    assert "s3same" not in f"{error} {error!r} {error.args}"
    nested = {"a": ["s3same/0pen", 1], "b": None}
    assert redacted_values(nested) == {"a": ["…", 1], "b": None}


def test_a_word_is_masked_only_as_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_PASSWORD", "xylophone")
    credentials.secret("SOME_PASSWORD", is_token=False)
    assert redacted("xylophone and xylophones") == "… and xylophones"


def test_the_password_of_an_address_is_masked_also_alone() -> None:
    redaction.note_address("mysql://ada:slash/and%40at@db:3306/x")
    assert redacted("Access denied (using slash/and@at)") == "Access denied (using …)"


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("sk-tést1", "not ASCII"),
        ("two words", "a space, a line break"),
        ("two\nlines", "a space, a line break"),
        ("sk-\x1b[0m", "control character"),
    ],
)
def test_an_illegal_secret_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch, value: str, kind: str
) -> None:
    monkeypatch.setenv("MY_API_KEY", value)
    with pytest.raises(SettingsError) as refused:
        credentials.secret("MY_API_KEY")
    message = str(refused.value)
    assert "MY_API_KEY" in message and kind in message
    assert not any(part in message for part in value.split())


def test_logins_of_mlflow_are_trimmed_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", " tok-1234 \n")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "mit Ümlaut\n")
    credentials.trim_logins()
    import os

    assert os.environ["MLFLOW_TRACKING_TOKEN"] == "tok-1234"
    assert os.environ["MLFLOW_TRACKING_PASSWORD"] == "mit Ümlaut"
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "tok\n-1234")
    with pytest.raises(SettingsError, match="MLFLOW_TRACKING_TOKEN contains a space, a line"):
        credentials.trim_logins()
