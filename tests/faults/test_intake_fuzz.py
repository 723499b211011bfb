"""A channel that sends everything there is: each order is placed once, all else is kept."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from tests.faults.channel import CHANNEL
from tests.faults.fuzz import Fuzz, Fuzzed
from tests.faults.letters import Outcome, Place, Sender, breaches, outcome_of, summary
from tests.faults.load import SKUS
from tests.faults.processes import Process
from tests.faults.system import System
from tests.infra.running import eventually

pytestmark = pytest.mark.faults

VERB = ("consume", "orders", "--channel", CHANNEL)
UNITS = 100_000_000
MANY = 100_000
SEED = int(os.environ.get("ORDINAL_FUZZ_SEED", "1"))


@dataclass(slots=True)
class Run:
    """A fuzz that is over."""

    system: System
    intake: Process
    sender: Sender

    @property
    def sent(self) -> dict[Place, Fuzzed]:
        return self.sender.sent

    def await_end(self, seconds: float) -> None:
        eventually(lambda: self.taken() >= len(self.sent) or not self.intake.alive, seconds)

    def taken(self) -> int:
        ((offsets,),) = self.system.rows(
            "SELECT coalesce(sum(next_offset), 0) FROM ordinal.intake_offsets"
        )
        return int(offsets)

    def check(self, seconds: float) -> Outcome:
        """All invariants hold, and every message met its fate."""
        self.system.check(seconds)
        outcome = outcome_of(self.system)
        print(f"seed {SEED}:", summary(self.sent, outcome))
        assert self.taken() == len(self.sent)
        found = breaches(self.sent, outcome)
        assert not found, "\n".join([f"{len(found)} breaches", *found[:20]])
        return outcome


def run_fuzz(system: System, count: int, *, huge: int, seconds: float) -> Run:
    """Everything sent and consumed, and behind it one good order more, by the same process."""
    system.open_shop(*SKUS, units=UNITS)
    system.start("relay")
    system.start("project", "order_status")
    run = Run(system, system.start(*VERB), Sender(system.kafka))
    fuzz = Fuzz(SEED, huge=huge)
    for message in fuzz.messages(count):
        run.sender.send(message)
    run.sender.finish()
    run.await_end(seconds)
    assert run.intake.alive, run.intake.tail()
    run.sender.send(fuzz.sound("the last one", fuzz.body()))
    run.sender.finish()
    run.await_end(20)
    assert run.intake.alive, run.intake.tail()
    return run


def test_the_same_seed_sends_the_same_bytes() -> None:
    one, same, other = (list(Fuzz(seed, huge=1).messages(300)) for seed in (1, 1, 2))
    assert one == same
    assert one != other


@pytest.mark.timeout(120)
def test_two_thousand_messages_of_every_kind(kafka_system: System) -> None:
    run = run_fuzz(kafka_system, 2_000, huge=4, seconds=60)
    outcome = run.check(40)
    unseen = [damage.__name__ for damage in DAMAGES if not breaches(run.sent, damage(outcome))]
    assert unseen == []


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_hundred_thousand_messages_of_every_kind(kafka_system: System) -> None:
    run_fuzz(kafka_system, MANY, huge=12, seconds=150).check(90)


# -- teeth: what a careless intake would leave


def a_letter_less(outcome: Outcome) -> Outcome:
    return replace(outcome, letters=outcome.letters[1:])


def a_letter_twice(outcome: Outcome) -> Outcome:
    return replace(outcome, letters=(*outcome.letters, outcome.letters[0]))


def another_byte(outcome: Outcome) -> Outcome:
    place = next(n for n, each in enumerate(outcome.letters) if each.value)
    letter = outcome.letters[place]
    turned = replace(letter, value=(letter.value or b"")[:-1] + b"\x07")
    return replace(
        outcome, letters=(*outcome.letters[:place], turned, *outcome.letters[place + 1 :])
    )


def no_reason(outcome: Outcome) -> Outcome:
    silent = replace(outcome.letters[0], reason="unreadable: ")
    return replace(outcome, letters=(silent, *outcome.letters[1:]))


def an_answer_less(outcome: Outcome) -> Outcome:
    return replace(outcome, results=outcome.results[1:])


def an_order_twice(outcome: Outcome) -> Outcome:
    reference = next(iter(outcome.orders))
    return replace(outcome, orders={**outcome.orders, reference: 2})


def an_order_less(outcome: Outcome) -> Outcome:
    return replace(outcome, orders=dict(list(outcome.orders.items())[1:]))


def an_order_of_nobody(outcome: Outcome) -> Outcome:
    return replace(outcome, orders={**outcome.orders, "nobody's": 1})


DAMAGES: tuple[Callable[[Outcome], Outcome], ...] = (
    a_letter_less, a_letter_twice, another_byte, no_reason, an_answer_less, an_order_twice,
    an_order_less, an_order_of_nobody,
)  # fmt: skip
