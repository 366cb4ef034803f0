"""Texts for tokenizers, the same from the same seed here and in Tests/AloraTokenizationTests/GeneratedTexts.swift."""
import json
import pathlib

DATA = json.loads((pathlib.Path(__file__).parent / "texts.json").read_text())
MASK = (1 << 64) - 1


class SplitMix64:
    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def below(self, count):
        return self.next() % count

    def pick(self, items):
        return items[self.below(len(items))]


def text(random, inserted):
    """One text. Its kind says what it is mostly made of."""
    kind = random.below(8)
    out = []
    for _ in range(random.below(20)):
        choice = random.below(10)
        if kind < 4 and choice < 7:
            out.append(random.pick(DATA["fragments"]))
            out.append(random.pick([" ", " ", " ", "", "  ", "\n"]))
        elif choice < 3:
            out.append(chr(32 + random.below(95)))
        elif choice < 5:
            first, last = random.pick(DATA["ranges"])
            out.append(chr(first + random.below(last - first + 1)))
        elif choice == 5:
            out.append(random.pick([" ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "\u2028"]) * random.below(5))
        elif choice == 6:
            out.append(str(random.next() % 10 ** random.below(9)))
        elif choice == 7 and inserted:
            out.append(random.pick(inserted))
        elif choice == 8:
            out.append(random.pick(DATA["fragments"]))
        else:
            first, last = random.pick(DATA["ranges"])
            out.extend(chr(first + random.below(last - first + 1)) for _ in range(random.below(6)))
    return "".join(out)


def corpus(count=4000, seed=7):
    """Lines to train small vocabularies on."""
    random = SplitMix64(seed)
    for _ in range(count):
        yield "".join(
            random.pick(DATA["fragments"]) + random.pick([" ", " ", " ", ", ", ". ", "\n", "  ", ""])
            for _ in range(3 + random.below(20))
        )
