"""What is sold on the day, and from where."""

from dataclasses import dataclass

from consumers.simulation.demo_day.dice import Dice


@dataclass(frozen=True, slots=True)
class Place:
    """A location. `zones` are the countries that it serves besides its own."""

    location: str
    country: str
    zones: tuple[str, ...]
    channels: tuple[str, ...]
    priority: int
    crew: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Article:
    """A sku. `popularity` ranks it, 0 being sold most; a scarce one runs out on the day."""

    sku: str
    title: str
    code: str
    price: int
    popularity: int
    scarce: bool


PLACES = (
    Place("LDN1", "GB", ("IE",), (), 1, ("amir", "bea", "carl")),
    Place("MAN1", "GB", ("IE",), ("web", "wholesale", "edi"), 2, ("dora", "evan", "flo")),
    Place("BER1", "DE", ("AT", "PL", "NL", "DK"), (), 1, ("gero", "hanne", "imre")),
    Place("PAR1", "FR", ("BE", "ES", "IT", "NL"), (), 2, ("jade", "karim", "lou")),
)

_THINGS = (
    ("MUG", "Enamel mug", 1150),
    ("BOWL", "Stoneware bowl", 1490),
    ("CANDLE", "Beeswax candle", 890),
    ("TOWEL", "Linen tea towel", 990),
    ("NOTE", "Dotted notebook", 740),
    ("LAMP", "Desk lamp", 4900),
    ("APRON", "Canvas apron", 2750),
    ("TRAY", "Birch tray", 2290),
    ("VASE", "Glass vase", 1890),
    ("CLOCK", "Wall clock", 3450),
)
_LOOKS = (
    ("BLU", "blue"),
    ("RED", "red"),
    ("GRN", "green"),
    ("OCH", "ochre"),
    ("GRY", "grey"),
    ("WHT", "white"),
    ("BLK", "black"),
    ("PNK", "pink"),
    ("SND", "sand"),
    ("NVY", "navy"),
    ("STR", "striped"),
    ("DOT", "spotted"),
)


def articles(dice: Dice) -> list[Article]:
    """A hundred and twenty, the best sellers first."""
    made = [
        (f"{thing}-{look}", f"{title}, {colour}", price + 10 * dice.below(30))
        for thing, title, price in _THINGS
        for look, colour in _LOOKS
    ]
    ranked = sorted(made, key=lambda _: dice.below(1_000_000))
    return [
        Article(sku, title, f"50{dice.below(10**11):011}", price, rank, rank % 15 == 7)
        for rank, (sku, title, price) in enumerate(ranked)
    ]


def carried_at(article: Article, place: Place) -> bool:
    """The second house of a country only carries what sells well."""
    return place.location != "MAN1" or article.popularity < 60
