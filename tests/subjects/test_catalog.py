"""An app that a person wrote is found by its name, and what is wrong with its contract is named."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from fullturn.core.errors import SettingsError
from fullturn.subjects.catalog import find

APP = """
from fullturn import Column, Contract

class App:
    contract = {contract}
    defaults, space = {{}}, {{}}
    train = load = score = baseline = None
"""


def own(folder: Path, contract: str) -> str:
    module = f"own_{uuid4().hex}"
    (folder / f"{module}.py").write_text(APP.format(contract=contract))
    return f"{module}:App"


def test_a_sound_contract_is_taken(tmp_path: Path) -> None:
    name = own(tmp_path, 'Contract((Column("a"), Column("b", role="label")), ("a",), text="a")')
    assert find(name, root=tmp_path).contract.key == ("a",)


@pytest.mark.parametrize(
    ("contract", "said"),
    [
        ('Contract((Column("a"),), key="a")', "key = 'a': give a tuple of column names"),
        ('Contract((Column("a"),), key=())', "such as ('a',)"),
        ('Contract((Column("a"),), key=("b",))', "key names 'b', which is no column; columns: a"),
        ('Contract(Column("a"), key=("a",))', "give a tuple of Column"),
        ('Contract(("a",), key=("a",))', "columns has 'a', which is no Column"),
        ('Contract((Column("a"),), ("a",), text="b")', "text = 'b' is no input column"),
        ('{"a": "text"}', "it is a dict, not a Contract"),
    ],
)
def test_a_flaw_of_a_contract_is_named(tmp_path: Path, contract: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        find(own(tmp_path, contract), root=tmp_path)
    assert said in str(caught.value)
