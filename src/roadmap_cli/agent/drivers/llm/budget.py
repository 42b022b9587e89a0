"""What may be spent on a model, asked before each call: no call is made that could take more than is left.

What a call may take at most is held back until it is known what it took, so that calls in flight count, too.
"""

from __future__ import annotations

from dataclasses import dataclass


class BudgetError(Exception):
    """The next call could take more than is left; its text says of what."""


@dataclass(slots=True, eq=False)
class Hold:
    """What was held back for a call: tokens, and money in millionths of a currency."""

    tokens: int
    money: int


@dataclass(slots=True)
class Budget:
    """Tokens (read and written) and money for any number of drivers together; None is without limit.

    `money` and `money_spent` are in millionths of `currency`.
    """

    tokens: int | None = None
    money: int | None = None
    currency: str | None = None
    tokens_spent: int = 0
    money_spent: int = 0
    tokens_held: int = 0
    money_held: int = 0

    def hold(self, tokens: int, price: tuple[int | None, str | None]) -> Hold:
        """Hold back what a call may take at most. Raises BudgetError if that could be more than is left.

        With a limit on money a call of unknown price, or in another currency, is never made.
        """
        if self.tokens is not None and self.tokens_spent + self.tokens_held + tokens > self.tokens:
            left = max(0, self.tokens - self.tokens_spent - self.tokens_held)
            raise BudgetError(f"the next call may take {tokens} tokens and {left} of {self.tokens} are left")
        money, currency = price
        if self.money is not None and money != 0:
            if money is None:
                raise BudgetError(
                    "money is limited and the price of the model is not known: give price_in and price_out"
                )
            if self.currency and currency != self.currency:
                raise BudgetError(
                    f"the budget is in {self.currency} and the model's prices in {currency or 'no currency'}"
                )
            if self.money_spent + self.money_held + money > self.money:
                rest = max(0, self.money - self.money_spent - self.money_held) / 1e6
                unit = currency or self.currency or "units"
                raise BudgetError(f"the next call may cost {money / 1e6:.6f} {unit} and {rest:.6f} {unit} are left")
        held = Hold(tokens, money or 0)
        self.tokens_held += held.tokens
        self.money_held += held.money
        return held

    def settle(self, held: Hold, tokens: int | None = None, money: int | None = None) -> None:
        """Count what a call took; what is not known counts as what was held back for it."""
        self.release(held)
        self.tokens_spent += held.tokens if tokens is None else tokens
        self.money_spent += held.money if money is None else money

    def release(self, held: Hold) -> None:
        """Give back what was held for a call that was never made."""
        self.tokens_held -= held.tokens
        self.money_held -= held.money
