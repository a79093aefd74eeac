"""Tags as records: what is written comes back, and what 0.1 wrote is understood."""

from __future__ import annotations

import dataclasses
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fullturn.core import tags
from fullturn.core.tags import GateTags, OriginTags, Tags, TrainingTags, VersionTags

KINDS = sorted(Tags.__subclasses__(), key=lambda kind: kind.__name__)
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(),
    int: st.integers(),
    bool: st.booleans(),
    float: st.integers(-1000, 1000).map(float),
    tuple[str, ...]: st.lists(st.text()).map(tuple),
}


def records(kind: type[Tags]) -> st.SearchStrategy[Tags]:
    hints = get_type_hints(kind)
    fields = {}
    for field in dataclasses.fields(kind):
        options = get_args(hints[field.name])
        if "prefix" in field.metadata:
            fields[field.name] = st.dictionaries(st.text(), VALUES[options[1]])
        else:
            value = next(one for one in options if one is not type(None))
            fields[field.name] = st.none() | VALUES[value]
    return st.builds(kind, **fields)


@given(st.sampled_from(KINDS).flatmap(records))
def test_what_is_written_is_read_back(record: Tags) -> None:
    assert type(record).read(record.write()) == record


@given(st.dictionaries(st.text(), st.text()))
def test_foreign_tags_are_never_an_error(foreign: dict[str, str]) -> None:
    for kind in KINDS:
        kind.read(foreign)


def test_no_two_fields_of_a_kind_share_a_tag() -> None:
    for kind in KINDS:
        keys = [kind.key(field.name) for field in dataclasses.fields(kind)]
        assert len(keys) == len(set(keys))


def test_a_value_of_another_type_is_absent() -> None:
    assert GateTags.read({"fullturn.champion": "None"}).champion is None
    assert OriginTags.read({"fullturn.dirty": "maybe"}).dirty is None
    assert TrainingTags.read({"fullturn.declared": "{"}).declared is None


def test_families_have_a_tag_for_each_entry() -> None:
    record = VersionTags(waived={"SERV01": "only used at night"})
    assert record.write() == {"fullturn.waived.SERV01": "only used at night"}


@pytest.mark.parametrize(
    ("note", "raced"),
    [
        ("stopped after 8 of 40 groups: worse than the best so far", (True, 8, 40)),
        ("all 40 groups", (False, 40, 40)),
    ],
)
def test_a_race_of_version_0_1_is_understood(note: str, raced: tuple[bool, int, int]) -> None:
    found = TrainingTags.read({tags.PREFIX + "race": note, tags.PREFIX + "search": "2 of 3"})
    assert (found.race_stopped, found.race_groups, found.race_of_groups) == raced
    assert (found.search_place, found.search_size) == (2, 3)
