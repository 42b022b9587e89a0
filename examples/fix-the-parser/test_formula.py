import pytest
from formula import FormulaError, Parser, evaluate, tokens


def test_tokens_know_their_position():
    assert [(t.text, t.position) for t in tokens("ab + 1.5")] == [("ab", 0), ("+", 3), ("1.5", 5), ("", 8)]


def test_numbers():
    assert evaluate("42") == 42
    assert evaluate(".5 + 1.") == 1.5


def test_multiplication_binds_tighter_than_addition():
    assert evaluate("2 + 3 * 4") == 14
    assert evaluate("2 * 3 + 4") == 10


def test_parentheses():
    assert evaluate("(2 + 3) * 4") == 20


def test_subtraction_goes_from_left_to_right():
    assert evaluate("10 - 4 - 3") == 3


def test_division_goes_from_left_to_right():
    assert evaluate("100 / 10 / 5") == 2
    assert evaluate("7 * 6 % 4") == 2


def test_subtraction_then_addition():
    assert evaluate("10 - 4 + 3") == 9


def test_powers_go_from_right_to_left():
    assert evaluate("2 ^ 3 ^ 2") == 512
    assert Parser("2 ^ 3 ^ 2").parse() == ("^", 2.0, ("^", 3.0, 2.0))


def test_minus_binds_looser_than_power():
    assert evaluate("-2 ^ 2") == -4
    assert evaluate("-2 * 3") == -6


def test_names():
    assert evaluate("price * count", price=2.5, count=4) == 10


def test_unknown_name():
    with pytest.raises(KeyError):
        evaluate("price")


def test_functions():
    assert evaluate("max(1, 2 * 3, 4)") == 6
    assert evaluate("round(2.345, 2)") == pytest.approx(2.35, abs=0.011)
    assert evaluate("sum()") == 0


@pytest.mark.parametrize(("formula", "position"), [("2 +", 3), ("(2", 2), ("2 $ 3", 2), ("2 3", 2), ("max(1,", 6)])
def test_errors_say_where(formula, position):
    with pytest.raises(FormulaError) as error:
        evaluate(formula)
    assert error.value.position == position
