"""Words, names and cities that fill the synthetic dialogues, in two disjoint pools: training and held-out.

Which pool an entry belongs to depends on its spelling alone, so that it cannot drift between the two.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from flashmoe_nb.lab.demo import readers

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class Split(StrEnum):
    """Which side of the fence: what is trained on, and what is only ever measured."""

    TRAIN = "train"
    HELDOUT = "heldout"


# Everyday nouns: weighted up so that dialogues read naturally.
_EVERYDAY = """report meeting budget project plan summary notes invoice draft review update design launch team
 lunch dinner ticket server backup photo music garden kitchen travel market sales garage school
 doctor dentist birthday holiday train flight hotel window winter coffee bread butter cheese apple
 orange soup salad pasta rice fish river mountain forest ocean city bridge castle museum library
 history science physics biology poetry novel chapter letter paper pencil camera laptop phone screen
 keyboard battery engine bicycle football tennis chess piano guitar violin blanket bucket candle
 carpet cupboard drawer ladder hammer basket bottle pillow mirror umbrella wallet jacket button
 ribbon helmet kettle lantern orchard meadow harbour island canyon desert glacier valley tunnel
 station airport cottage stable chimney balcony""".split()  # noqa: SIM905 - a word list reads better so
_CITIES = """Paris London Berlin Madrid Rome Vienna Oslo Stockholm Helsinki Copenhagen Amsterdam Brussels Lisbon
 Athens Warsaw Prague Budapest Dublin Zurich Geneva Milan Naples Munich Hamburg Lyon Nice Porto
 Seville Valencia Tokyo Osaka Kyoto Seoul Beijing Shanghai Delhi Mumbai Bangkok Hanoi Manila Jakarta
 Sydney Perth Auckland Toronto Montreal Vancouver Chicago Boston Seattle Denver Houston Miami
 Atlanta Dallas Phoenix Lima Bogota Quito Santiago Cairo Lagos Nairobi Tunis Dakar Accra Istanbul
 Ankara Tehran Baghdad Riyadh Dubai Doha Turin Bologna Florence Venice Genoa Palermo Bari Leipzig
 Dresden Cologne Stuttgart Bremen Hanover Nantes Bordeaux Toulouse Lille Marseille Grenoble Dijon
 Bilbao Malaga Granada Cordoba Zaragoza Krakow Gdansk Wroclaw Poznan Brno Bratislava Ljubljana
 Zagreb Split Belgrade Sofia Bucharest Riga Vilnius Tallinn Reykjavik Bergen Malmo Gothenburg Aarhus
 Turku Tampere Utrecht Rotterdam Antwerp Ghent Bruges Cork Galway Glasgow Edinburgh Cardiff Leeds
 York Bristol Bath Oxford Cambridge Brisbane Adelaide Melbourne Hobart Darwin Wellington Ottawa
 Calgary Quebec""".split()  # noqa: SIM905 - a word list reads better so
_HELDOUT_SHARE = 0.12
_CITY_SHARE = 0.75


def split_of(entry: str) -> Split:
    """The pool that an entry belongs to, whatever its capitals."""
    digest = hashlib.sha256(entry.lower().encode()).digest()
    return Split.HELDOUT if digest[0] < 256 * _HELDOUT_SHARE else Split.TRAIN


@dataclass(frozen=True, slots=True)
class Pools:
    """The entries of one split."""

    split: Split
    names: tuple[str, ...]
    words: tuple[str, ...]
    everyday: tuple[str, ...]
    cities: tuple[str, ...]
    glosses: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, root: Path, split: Split) -> Pools:
        """Pools from the fetched packages: first names (stdlib data sets) and WordNet lemmas."""
        names = []
        for gender in ("female", "male"):
            path = root / f"@stdlib+datasets-{gender}-first-names-en/package/data/names.txt"
            names += path.read_text("utf8").split()
        glosses: dict[str, str] = {}
        for lemmas, _part, gloss in readers.wordnet(root):
            lemma = lemmas[0]
            if lemma.isascii() and lemma.isalpha() and lemma.islower() and 3 <= len(lemma) <= 11:  # noqa: PLR2004
                glosses.setdefault(lemma, gloss.split(";")[0])
        return cls.of(split, names, glosses)

    @classmethod
    def of(cls, split: Split, names: Iterable[str], glosses: dict[str, str]) -> Pools:
        """Keep what belongs to `split`, sorted, so that the same packages give the same pools."""

        def kept(entries: Iterable[str]) -> tuple[str, ...]:
            return tuple(sorted({entry for entry in entries if split_of(entry) is split}))

        words = kept(glosses)
        plain = (name for name in names if name.isalpha() and name.isascii())
        pairs = tuple((word, glosses[word]) for word in words if len(glosses[word]) < 90)  # noqa: PLR2004
        return cls(split, kept(plain), words, kept(_EVERYDAY), kept(_CITIES), pairs)

    @property
    def city_share(self) -> float:
        """How often a place is a real city rather than a first name used as one."""
        return _CITY_SHARE
