"""Messages of a channel that sends everything: orders, and all that is none. Same seed, same bytes.

Each kind says beforehand what must become of its messages; only of damaged bits nobody knows.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from infra.kafka.topics import MESSAGE_LIMIT
from tests.faults.load import SKUS

Fate = Literal["accepted", "refused", "dead", "any"]
Body = dict[str, Any]

# Room for the record's own fields, so that the broker takes what is just not too large for it.
NEAR_LIMIT = MESSAGE_LIMIT - 512
DEEP = 10_000
YOUNG = 200


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """One message and its fate. `reference` is that of an order that must be placed by it."""

    kind: str
    fate: Fate
    key: bytes | None
    value: bytes | None
    reference: str | None = None


class Fuzz:
    """Deals messages out. Those about one order share a key, so that they stay in order."""

    def __init__(self, seed: int, *, huge: int) -> None:
        self.dice = Random(f"fuzz {seed}")
        self._huge = huge
        self._numbers = 0
        self._placed: list[Body] = []

    def messages(self, count: int) -> Iterator[Fuzzed]:
        """So many, the huge ones among them at even distances."""
        shares = list(SHARES.values())
        for number in range(count):
            if number % (count // self._huge) == count // self._huge - 1:
                yield self.dice.choice(HUGE)(self)
            else:
                yield self.dice.choices(list(SHARES), shares)[0](self)

    def body(self, **given: Any) -> Body:
        """A new order that nothing speaks against."""
        self._numbers += 1
        lines = [
            {"sku": sku, "quantity": self.dice.randint(1, 3), "unit_price": 250}
            for sku in self.dice.sample(SKUS, self.dice.randint(1, 3))
        ]
        sound = {"reference": f"f-{self._numbers}", "country": "GB", "currency": "GBP"}
        return sound | {"lines": lines} | given

    def sound(self, kind: str, body: Body, value: bytes | None = None) -> Fuzzed:
        """This order is placed, and may be repeated from now on."""
        self._placed.append(body)
        return _about(body, kind, "accepted", value or encoded(body))

    def placed(self) -> Body | None:
        return self.dice.choice(self._placed[-YOUNG:]) if self._placed else None

    def bad(self, kind: str, value: bytes | None, fate: Fate = "dead") -> Fuzzed:
        """No order, under any key or none."""
        key = None if self.dice.random() < 0.2 else self.dice.randbytes(self.dice.randint(0, 12))
        return Fuzzed(kind, fate, key, value)


def encoded(body: Body) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def _about(body: Body, kind: str, fate: Fate, value: bytes) -> Fuzzed:
    reference = body["reference"]
    return Fuzzed(kind, fate, reference.encode(), value, reference if fate == "accepted" else None)


# -- orders

HOSTILE = (
    "'; DROP TABLE ordinal.stored_events; --",
    '" OR ""="',
    "%s%n%x{0.__class__}{{7*7}}${jndi:ldap://x}",
    "../../../../etc/passwd",
    "C:\\nul\\con|aux",
    "\\u0000 \\x00 &#0; <script>alert(1)</script>",
    "\u202egnp.exe\u2066\ufeff\u200d",
    "\x01\x1b[2J\x7f\x9b",
    "\U0001f469\u200d\U0001f680 \U00010ffff \uffff \ufdd0",
    "\u00e9 \u0130i \u1e9e",
    "-1e999 NaN null true",
    "$1 :name ?",
    "a\t\r\n\u2028\u2029\v\fb",
)


def plain(fuzz: Fuzz) -> Fuzzed:
    return fuzz.sound("plain", fuzz.body())


def complete(fuzz: Fuzz) -> Fuzzed:
    """With everything that an order may have."""
    line = {"sku": "POSTAGE", "quantity": 1, "unit_price": 399, "kind": "charge", "tax": 80}
    body = fuzz.body(
        customer_id=f"c-{fuzz.dice.randint(1, 99)}",
        postal_area="LS1",
        payment_mode=fuzz.dice.choice(("prepaid", "on_account", "cash_on_delivery")),
        shortage_policy=fuzz.dice.choice(("reject", "partial", "backorder")),
        priority=fuzz.dice.randint(-1_000_000, 1_000_000),
        ship_method="van",
        promised_by=fuzz.dice.choice(("2030-02-28T12:00:00Z", "2030-06-30T12:00:00.5-07:00")),
        ordered_at="2024-02-29T23:59:59+05:45",
        billing={"name": "Ada", "email": "ada@example.org", "country": "GB"},
    )
    body["lines"].append(line)
    body["total"] = sum(each["quantity"] * each["unit_price"] for each in body["lines"]) + 80
    return fuzz.sound("complete", body)


def hostile(fuzz: Fuzz) -> Fuzzed:
    """Words that mean harm to somebody who does not take them for words."""
    word = fuzz.dice.choice(HOSTILE)
    body = fuzz.body(customer_id=word, ship_method=word, shipping={"name": word, "street": word})
    body["reference"] += word
    body["lines"][0]["title"] = word
    if word.isprintable():
        body["lines"].append({"sku": word, "quantity": 1, "unit_price": -1, "kind": "charge"})
    return fuzz.sound("hostile", body)


def escaped(fuzz: Fuzz) -> Fuzzed:
    """Every character of every text written as an escape, with white space wherever it may be."""
    body = fuzz.body(shipping={"name": "Zo\u00eb \U0001f680"})
    text = json.dumps(body, indent="\t\r\n ")
    for name in ("reference", "currency", "lines"):
        text = text.replace(f'"{name}"', '"' + "".join(f"\\u{ord(c):04x}" for c in name) + '"')
    return fuzz.sound("escaped", body, text.encode() + b" \n")


def unknown_fields(fuzz: Fuzz) -> Fuzzed:
    """Nobody knows what is left undone when a field is not understood."""
    more = {"$schema": "x", "": 0, "channel": "web", "order_id": "mine", "a": [{"b": [None]}]}
    name = fuzz.dice.choice(list(more))
    return fuzz.bad("unknown fields", encoded({name: more[name]} | fuzz.body()))


def said_twice(fuzz: Fuzz) -> Fuzzed:
    """Of two equal names neither counts."""
    said = fuzz.dice.choice((b'"reference":"not this one"', b'"country":"FR"'))
    return fuzz.bad("said twice", b"{" + said + b"," + encoded(fuzz.body())[1:])


def repeated(fuzz: Fuzz) -> Fuzzed:
    body = fuzz.placed()
    return plain(fuzz) if body is None else _about(body, "repeated", "accepted", encoded(body))


def rewritten(fuzz: Fuzz) -> Fuzzed:
    """The same order in other bytes."""
    body = fuzz.placed()
    if body is None:
        return plain(fuzz)
    turned = json.dumps(dict(reversed(body.items())), indent=1).encode()
    return _about(body, "rewritten", "accepted", turned)


def reused(fuzz: Fuzz) -> Fuzzed:
    """Another order under an old reference."""
    body = fuzz.placed()
    if body is None:
        return plain(fuzz)
    return _about(body, "reused", "dead", encoded(body | {"country": "FR"}))


def refused(fuzz: Fuzz) -> Fuzzed:
    """A sound order that cannot be served: an answer, and no dead letter."""
    body = fuzz.body()
    body["lines"][0]["quantity"] = 1_000_000_000
    return _about(body, "refused", "refused", encoded(body))


# -- what is no order


def nothing(fuzz: Fuzz) -> Fuzzed:
    return fuzz.bad("nothing", fuzz.dice.choice((None, b"", b" ", b"\n\n", b"\0", b"\0" * 500)))


def noise(fuzz: Fuzz) -> Fuzzed:
    return fuzz.bad("noise", fuzz.dice.randbytes(fuzz.dice.randint(1, 300)))


def truncated(fuzz: Fuzz) -> Fuzzed:
    whole = encoded(fuzz.body(shipping={"name": "Zo\u00eb"}))
    return fuzz.bad("truncated", whole[: fuzz.dice.randint(1, len(whole) - 1)])


def damaged(fuzz: Fuzz) -> Fuzzed:
    """A bit or two that fell over. It may still be an order."""
    whole = bytearray(encoded(fuzz.body(reference=f"damaged-{fuzz.dice.randbytes(8).hex()}")))
    for _ in range(fuzz.dice.randint(1, 2)):
        whole[fuzz.dice.randrange(len(whole))] ^= 1 << fuzz.dice.randrange(8)
    return fuzz.bad("damaged", bytes(whole), "any")


def otherwise_encoded(fuzz: Fuzz) -> Fuzzed:
    name = fuzz.dice.choice(("utf-8-sig", "utf-16", "utf-16-be", "utf-32", "utf-7", "cp037"))
    marked = encoded(fuzz.body()).decode().encode(name)
    return fuzz.bad(f"as {name}", b"\x1f\x8b\x08" + marked if name == "utf-7" else marked)


def other_json(fuzz: Fuzz) -> Fuzzed:
    """JSON, but no order; or nearly JSON."""
    whole = encoded(fuzz.body())
    choices = (
        b"[]", b"null", b"true", b"0", b'"order"', b"{}", b"[" + whole + b"]", whole + whole,
        whole + b"\0", whole + b",", b"// mine\n" + whole, whole.replace(b'"', b"'"),
        whole.replace(b"}]", b"},]"), b'"' + whole.replace(b'"', b'\\"') + b'"',
    )  # fmt: skip
    return fuzz.bad("other json", fuzz.dice.choice(choices))


def lacking(fuzz: Fuzz) -> Fuzzed:
    body = fuzz.body()
    del body[fuzz.dice.choice(list(body))]
    return fuzz.bad("lacking", encoded(body))


NO_TEXT: tuple[object, ...] = (5, None, [], {}, True, ["GB"], {"$ne": None})
NO_NUMBER: tuple[object, ...] = ("1", 1.5, 1e300, None, [], True, 10**40, -(10**400), "NaN")
WRONG: dict[str, tuple[object, ...]] = {
    "reference": (*NO_TEXT, "", " ", "x" * 201, "a\0b", " a", "e\u0301"),
    "currency": (*NO_TEXT, "gbp", "POUND", "\U0001d406BP"),
    "country": (*NO_TEXT, "England", "G", "gb"),
    "lines": (None, {}, "lines", [], [None], [[]], [{}], {"0": {}}, 3),
    "total": ("1", 1.5, [], True, 10**40, -1),
    "payment_mode": (5, "later", None, "PREPAID"),
    "shortage_policy": (5, "maybe", None, []),
    "priority": (*NO_NUMBER, 10**9),
    "preferred_location": (5, "", "leeds", "A" * 33, "../A", "A-B"),
    "shipping": (5, "Ada", [], {"name": 5}, {"email": []}, {"city": "\0"}),
    "promised_by": (5, "soon", "2024-02-30T00:00:00Z", "2024-01-01", "2024-01-01T00:00:00"),
    "ordered_at": (5, "then", "2024-01-01T25:00:00Z", "01/02/2024", "2024-01-01T00:00:00"),
}
WRONG_LINE: dict[str, tuple[object, ...]] = {
    "sku": (*NO_TEXT, "NOWHERE", "", "a\0", "a\nb", "x" * 101, "a ", "e\u0301"),
    "quantity": (*NO_NUMBER, 0, -1, 10**9 + 1),
    "unit_price": (*NO_NUMBER, -1, 10**16),
    "title": (5, [], "t" * 501, "\0"),
    "kind": (5, None, "gift"),
    "tax": (*NO_NUMBER, 10**16),
    "discount": (*NO_NUMBER, -(10**16)),
}


def wrong(fuzz: Fuzz) -> Fuzzed:
    """One field of the order that cannot be what it says."""
    field = fuzz.dice.choice(list(WRONG))
    return fuzz.bad(
        f"wrong {field}", encoded(fuzz.body() | {field: fuzz.dice.choice(WRONG[field])})
    )


def wrong_line(fuzz: Fuzz) -> Fuzzed:
    body, field = fuzz.body(), fuzz.dice.choice(list(WRONG_LINE))
    fuzz.dice.choice(body["lines"])[field] = fuzz.dice.choice(WRONG_LINE[field])
    return fuzz.bad(f"wrong line's {field}", encoded(body))


def too_many_lines(fuzz: Fuzz) -> Fuzzed:
    return fuzz.bad("too many lines", encoded(fuzz.body(lines=fuzz.body()["lines"][:1] * 2_001)))


def wrong_moment(fuzz: Fuzz) -> Fuzzed:
    """Times without a zone, and times that no clock can show in every zone."""
    field = fuzz.dice.choice(("ordered_at", "promised_by"))
    moment = fuzz.dice.choice(
        ("2024-02-29T12:00:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59")
    )
    return fuzz.bad(f"moment {field}", encoded(fuzz.body(**{field: moment})))


RAW_TEXT = (
    b'"a\x00b"', b'"a\x1fb"', b'"\\ud800"', b'"\\udc00\\ud800"', b'"\xed\xa0\x80"', b'"\xc0\x80"',
    b'"\xff\xfe"', b'"\xf5\x80\x80\x80"', b'"\\x41"', b'"\\u12"', b'"open', b"'a'",
)  # fmt: skip
RAW_NUMBER = (
    b"NaN", b"Infinity", b"-Infinity", b"1e999", b"0x1", b"01", b"+1", b"1_000", b".5", b"1.",
    b"9" * 5_000, b"--1", b"1e", "\u0661".encode(), b"undefined", b"1n",
)  # fmt: skip


def raw_text(fuzz: Fuzz) -> Fuzzed:
    """Texts that JSON does not have."""
    body = fuzz.body(reference="HERE")
    return fuzz.bad("raw text", encoded(body).replace(b'"HERE"', fuzz.dice.choice(RAW_TEXT)))


def raw_number(fuzz: Fuzz) -> Fuzzed:
    return fuzz.bad(
        "raw number", encoded(fuzz.body()).replace(b"250", fuzz.dice.choice(RAW_NUMBER))
    )


def deep(fuzz: Fuzz) -> Fuzzed:
    """Where nobody looks, but everybody has to go through."""
    opened, closed = fuzz.dice.choice(((b"[", b"]"), (b'{"a":', b"}")))
    nested = opened * DEEP + b"0" + closed * fuzz.dice.choice((DEEP, 0))
    return fuzz.bad("deep", b'{"more":' + nested + b"," + encoded(fuzz.body())[1:])


# -- as large as the broker lets them be


def huge_order(fuzz: Fuzz) -> Fuzzed:
    body = fuzz.body()
    return fuzz.sound("huge order", body, encoded(body).ljust(NEAR_LIMIT))


def huge_noise(fuzz: Fuzz) -> Fuzzed:
    return Fuzzed("huge noise", "dead", b"k" * 1_000, fuzz.dice.randbytes(NEAR_LIMIT - 1_000))


def huge_word(fuzz: Fuzz) -> Fuzzed:
    """A field that holds all of it, so that it comes back in answers and reasons."""
    field = fuzz.dice.choice(("reference", "payment_mode", "currency", "customer_id", "ordered_at"))
    body = fuzz.body(**{field: ""})
    room = NEAR_LIMIT - len(encoded(body)) - 100
    return fuzz.bad(f"huge {field}", encoded(body | {field: "x" * room}))


def huge_key(fuzz: Fuzz) -> Fuzzed:
    return Fuzzed("huge key", "dead", b"k" * NEAR_LIMIT, b"")


HUGE = (huge_order, huge_noise, huge_word, huge_word, huge_key)
SHARES: dict[Callable[[Fuzz], Fuzzed], float] = {
    plain: 12, complete: 3, hostile: 5, escaped: 2, unknown_fields: 2, said_twice: 2, repeated: 4,
    rewritten: 2, reused: 4, refused: 4, nothing: 4, noise: 10, truncated: 10, damaged: 5,
    otherwise_encoded: 3, other_json: 5, lacking: 3, wrong: 8, wrong_line: 6, too_many_lines: 0.1,
    wrong_moment: 2, raw_text: 3, raw_number: 3, deep: 0.5,
}  # fmt: skip
