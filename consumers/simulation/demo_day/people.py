"""Who buys on the day. Nobody of this name lives at such an address."""

from typing import NamedTuple

from consumers.channels.orders import Person
from consumers.simulation.demo_day.dice import Dice

_FIRST = (
    *("Ada", "Bruno", "Clara", "Dario", "Edda", "Felix", "Greta", "Hugo", "Ines", "Jonas"),
    *("Kaya", "Leon", "Mira", "Nils", "Olga", "Pau", "Rosa", "Simon", "Tilda", "Yves"),
)
_LAST = (
    *("Arbel", "Bonnet", "Castan", "Dreyling", "Eastlow", "Fernau", "Glaswell", "Hollin"),
    *("Ivarsen", "Jolimont", "Kestrin", "Lindqvar", "Marchetta", "Norwick", "Ostrand"),
)
_STREETS = ("Mill", "Orchard", "Harbour", "Station", "Chapel", "Garden", "Market", "Bridge")


class Town(NamedTuple):
    """Where parcels go: a country, a city, and the area that its postcodes begin with."""

    country: str
    city: str
    area: str
    postcode: str


TOWNS = (
    (30, Town("GB", "London", "E8", "E8 {}AB")),
    (14, Town("GB", "Leeds", "LS6", "LS6 {}QP")),
    (8, Town("GB", "Bristol", "BS3", "BS3 {}XY")),
    (4, Town("IE", "Cork", "T12", "T12 V{}0K")),
    (14, Town("DE", "Berlin", "120", "1204{}")),
    (8, Town("DE", "Leipzig", "042", "0427{}")),
    (3, Town("AT", "Graz", "801", "801{}")),
    (2, Town("PL", "Wroc\u0142aw", "50", "50-{}20")),
    (12, Town("FR", "Paris", "750", "7501{}")),
    (4, Town("FR", "Nantes", "440", "4400{}")),
    (3, Town("BE", "Gent", "900", "900{}")),
    (3, Town("ES", "Sevilla", "410", "4100{}")),
    (3, Town("NL", "Utrecht", "3512", "3512 A{}")),
)


def person(dice: Dice, town: Town) -> Person:
    first, last = dice.pick(_FIRST), dice.pick(_LAST)
    return Person(
        name=f"{first} {last}",
        email=f"{first}.{last}{dice.below(90)}@example.org".lower(),
        phone=f"+00 555 {dice.below(10**6):06}",
        street=f"{dice.between(1, 140)} {dice.pick(_STREETS)} Lane",
        city=town.city,
        postal_code=town.postcode.format(dice.below(10)),
        country=town.country,
    )
