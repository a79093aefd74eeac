import pytest

from fullturn.subjects.spread import spread


@pytest.mark.parametrize(
    ("values", "width"),
    [
        (list(range(101)), 50.0),
        ([1000.0 + 7.77 * n for n in range(101)], 390.0),
        ([0.0] * 80 + [5.0] * 20, 5.0),
        ([0.0] * 98 + [1.0, 3.0], 3.0),
        ([2.0] * 9, 0.0),
        ([], 0.0),
    ],
)
def test_it_is_the_width_of_the_middle_half_or_of_more_where_most_are_equal(
    values: list[float], width: float
) -> None:
    assert spread(values) == pytest.approx(width)
