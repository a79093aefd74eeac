"""The one resolver: every way to name a run, a version or a prediction, and what is said of a
name that means nothing."""

import pytest

from fullturn.core.entities import RunRecord
from fullturn.core.errors import NotFound, UsageError
from fullturn.registry import references
from fullturn.registry.references import Kind, Reference
from fullturn.store import Store


def run(store: Store, name: str = "run", kind: str = "train") -> str:
    return store.start_run(kind, name, {}, {})


def version(store: Store, run_id: str, model: str | None = None) -> int:
    source = f"runs:/{run_id}/model"
    return store.register(model or store.name, source, run_id, {}).version


def test_a_run_is_meant_by_its_id_the_start_of_it_or_its_name(any_store: Store) -> None:
    first = run(any_store, "first")
    for text in (first, first[:8], "first"):
        assert references.resolve(any_store, text) == Reference("run", first)
    assert references.run(any_store, "first").id == first


def test_of_two_runs_of_a_name_the_newest_is_meant(store: Store) -> None:
    run(store, "same")
    newest = run(store, "same")
    assert references.run(store, "same").id == newest


def test_the_start_of_several_ids_is_refused_and_the_runs_are_named() -> None:
    one, two = (RunRecord(f"abcd{n}", name, "train", "FINISHED", "", None, {}, {}, {})
                for n, name in enumerate("ab"))  # fmt: skip
    with pytest.raises(UsageError, match=r"'abcd' begins the ids of 2 runs: abcd0 \(a\), abcd1"):
        references.meant([one, two], "abcd")
    assert references.meant([one, two], "abcd1") == "abcd1"
    assert references.meant([one], "abc") is None


@pytest.mark.parametrize(
    "text", ["2", "v2", "tested", "models:/project/2", "models:/project@tested"]
)
def test_a_version_is_meant_by_number_alias_and_address(store: Store, text: str) -> None:
    runs = [run(store, "a"), run(store, "b")]
    for one in runs:
        version(store, one)
    store.set_alias(store.name, "tested", 2)
    assert references.resolve(store, text) == Reference("version", "2")
    assert references.version(store, text).version == 2
    assert references.run(store, text).id == runs[1]


def test_a_run_leads_to_the_version_that_it_became(store: Store) -> None:
    ready, waiting = run(store, "ready"), run(store, "waiting")
    version(store, ready)
    assert references.version(store, "ready").run_id == ready
    with pytest.raises(NotFound, match=r"run \w+ 'waiting' is no model version.*fullturn gate \w+"):
        references.version(store, "waiting")
    assert references.run(store, waiting[:6]).id == waiting


def test_words_mean_what_their_project_says(store: Store) -> None:
    best = run(store)
    words = {"best": lambda: best}
    assert references.resolve(store, "best", words=words) == Reference("run", best)
    with pytest.raises(NotFound, match="nor the word 'best'"):
        references.resolve(store, "worst", words=words)


def test_a_version_of_another_model_is_meant_by_its_address_where_it_is_wanted(
    store: Store,
) -> None:
    theirs = run(store, kind="other")
    version(store, theirs, "their-model")
    store.set_alias("their-model", "champion", 1)
    wanted: tuple[Kind, ...] = ("version", "run", "model")
    for text in ("models:/their-model/1", "models:/their-model@champion"):
        found = references.resolve(store, text, wanted)
        assert found == Reference("model", "models:/their-model/1")
        with pytest.raises(UsageError, match="another registered model than the project's"):
            references.resolve(store, text)
    for text in ("models:/their-model/7", "models:/their-model@nobody", "models:/nothing/1"):
        with pytest.raises(NotFound, match=f"no model version '{text}'"):
            references.resolve(store, text, wanted)
    for text in ("models:/their-model", "models:/", "models:/a/b/c"):
        with pytest.raises(UsageError, match="does not name a version"):
            references.resolve(store, text, wanted)


def test_an_id_is_a_prediction_only_if_no_run_has_it(store: Store) -> None:
    known = run(store)
    wanted: tuple[Kind, ...] = ("version", "run", "prediction")
    assert references.resolve(store, known, wanted) == Reference("run", known)
    assert references.resolve(store, "0" * 32, wanted) == Reference("prediction", "0" * 32)
    with pytest.raises(NotFound):
        references.resolve(store, "0" * 32)


def test_what_means_nothing_says_what_was_tried_and_what_is_known(store: Store) -> None:
    version(store, run(store))
    with pytest.raises(NotFound, match="no model version '9' of 'project'; known: 1"):
        references.resolve(store, "9")
    said = r"'x' is not a version or an alias of 'project' \(known: 1\); nor the id of a run"
    with pytest.raises(NotFound, match=said):
        references.resolve(store, "x")


def test_runs_of_other_kinds_are_not_meant(store: Store) -> None:
    run(store, "gate of something", kind="gate")
    with pytest.raises(NotFound):
        references.resolve(store, "gate of something")
