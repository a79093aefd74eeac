"""The thesaurus."""

from fullturn.subjects.assistant.text import Synonyms, builtin_synonyms, stem

SMALL = Synonyms("# a comment\nlive, production, in production\n\ngo back, rollback, undo\n")


def test_a_word_stands_for_the_single_words_of_its_group() -> None:
    assert SMALL.of(stem("live")) == {stem("production")}
    assert SMALL.of("unheard") == set()


def test_a_phrase_stands_for_the_words_of_its_group() -> None:
    assert SMALL.of("go back") == {"rollback", "undo"}


def test_phrases_are_found_in_a_question() -> None:
    assert SMALL.phrases(["how", "to", "go", "back", "now"]) == ["go back"]
    assert SMALL.phrases(["back", "go"]) == []


def test_a_word_of_two_groups_joins_them_only_for_itself() -> None:
    both = Synonyms("a1, b1\nb1, c1\n")
    assert both.of("b1") == {"a1", "c1"}
    assert both.of("a1") == {"b1"}


def test_the_shipped_groups_are_sorted_and_say_nothing_twice() -> None:
    lines = [line for line in builtin_synonyms().splitlines() if not line.startswith("#")]
    groups = [frozenset(line.split(", ")) for line in lines]
    assert lines == sorted(lines)
    assert len(set(groups)) == len(groups)
    assert all(
        len(group) >= 2 and len(group) == len(line.split(", "))
        for group, line in zip(groups, lines, strict=True)
    )
