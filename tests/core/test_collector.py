"""The garbage collector is paused, and on again whatever happens."""

from __future__ import annotations

import gc

import pytest

from fullturn.core.collector import collector_paused


def test_it_is_off_meanwhile_and_on_again_after_an_error() -> None:
    @collector_paused()
    def fail() -> None:
        with collector_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
        raise ValueError

    assert gc.isenabled()
    with pytest.raises(ValueError, match=r"^$"):
        fail()
    assert gc.isenabled()
