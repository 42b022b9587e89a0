from restock import wanted


def test_what_is_there_is_not_ordered():
    assert wanted(left=5, weekly=10) == 15


def test_nothing_left():
    assert wanted(left=0, weekly=3) == 6


def test_enough_is_enough():
    assert wanted(left=20, weekly=10) == 0


def test_nearly_enough():
    assert wanted(left=19, weekly=10) == 1
