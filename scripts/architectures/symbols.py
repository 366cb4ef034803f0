"""Numbers seen at several sizes, as expressions of configuration fields; row orders, as nested strides."""

import itertools


def evaluate(expression, fields):
    """The value of `a*b/c+d`: terms are added; each is multiplied and divided from left to right."""
    total = 0
    for term in expression.split("+"):
        value, operator = 1, "*"
        for token in term.replace("/", " / ").replace("*", " * ").split():
            if token in "*/":
                operator = token
                continue
            number = int(token) if token.isdigit() else fields[token]
            value = value * number if operator == "*" else value // number
        total += value
    return total


class Fitter:
    """Finds the shortest expression that gives a number at every size."""

    def __init__(self, sizes, preferred=()):
        """`sizes`: for each size, the integer fields of its configuration."""
        self.count = len(sizes)
        shared = set.intersection(*(set(s) for s in sizes))
        rank = self.rank = {name: index for index, name in enumerate(preferred)}
        names = sorted(shared, key=lambda n: (rank.get(n, len(rank)), n))
        atoms = {}
        for name in names:
            values = tuple(s[name] for s in sizes)
            if all(v > 0 for v in values) and len(set(values)) > 1:
                atoms.setdefault(values, name)
        self.known = {}

        def add(values, expression):
            if values not in self.known or self._cost(expression) < self._cost(self.known[values]):
                self.known[values] = expression

        def times(a, b):
            return tuple(x * y for x, y in zip(a, b))

        for values, name in atoms.items():
            add(values, name)
        items = list(atoms.items())
        for factor in (2, 3, 4):
            for values, name in items:
                add(tuple(factor * v for v in values), f"{factor}*{name}")
        for (a, x), (b, y) in itertools.combinations_with_replacement(items, 2):
            add(times(a, b), f"{x}*{y}")
        for (a, x), (b, y) in itertools.permutations(items, 2):
            if all(v % w == 0 for v, w in zip(a, b)):
                add(tuple(v // w for v, w in zip(a, b)), f"{x}/{y}")
        for (a, x), (b, y) in itertools.permutations(items, 2):
            if all(v % (2 * w) == 0 for v, w in zip(a, b)):
                add(tuple(v // (2 * w) for v, w in zip(a, b)), f"{x}/{y}/2")
        for values, name in items:
            for divisor in (2, 4):
                if all(v % divisor == 0 for v in values):
                    add(tuple(v // divisor for v in values), f"{name}/{divisor}")
        for (a, x), (b, y) in itertools.combinations_with_replacement(items, 2):
            for factor in (2, 3):
                add(tuple(factor * v for v in times(a, b)), f"{factor}*{x}*{y}")
        for (a, x), (b, y) in itertools.combinations_with_replacement(items, 2):
            product = times(a, b)
            for c, z in items:
                if all(v % w == 0 for v, w in zip(product, c)):
                    add(tuple(v // w for v, w in zip(product, c)), f"{x}*{y}/{z}")
            for divisor in (2,):
                if all(v % divisor == 0 for v in product):
                    add(tuple(v // divisor for v in product), f"{x}*{y}/{divisor}")
        self.products = dict(self.known)
        for (values, name) in list(self.products.items()):
            for factor in (2,):
                if "/" in name:
                    add(tuple(factor * v for v in values), f"{factor}*{name}")
        self.products = dict(self.known)

    def fit(self, values):
        """The expression, or None."""
        values = tuple(int(v) for v in values)
        if len(set(values)) == 1:
            return str(values[0])
        if values in self.known:
            return self.known[values]
        best = None
        for terms in (2, 3, 4):
            best = self._sum(values, terms)
            if best:
                self.known[values] = best
                return best
        return None

    def _sum(self, values, terms):
        if terms == 1:
            return self.products.get(values) or (str(values[0]) if len(set(values)) == 1 else None)
        pool = self.products if terms == 2 else {v: n for v, n in self.products.items() if len(n.split("*")) <= 3 and "/" not in n}
        best = None
        for part, name in pool.items():
            rest = tuple(v - p for v, p in zip(values, part))
            if min(rest) <= 0:
                continue
            other = self._sum(rest, terms - 1) if terms < 4 or name.count("*") == 0 else None
            if other:
                candidate = f"{name}+{other}"
                if best is None or self._cost(candidate) < self._cost(best):
                    best = candidate
        return best

    def _cost(self, expression):
        """Few factors first, and few unusual names; then few names, then the usual ones."""
        factors = expression.replace("+", "*").replace("/", "*").split("*")
        names = {f for f in factors if not f.isdigit()}
        strange = sum(1 for n in names if n not in self.rank)
        return len(factors) + strange, len(names), sum(self.rank.get(n, len(self.rank)) for n in names), len(expression)


def lattice(numbers):
    """(start, [(count, stride), …]) from the outermost loop in, or None if the numbers are not nested loops."""
    n = len(numbers)
    if n == 1:
        return numbers[0], []
    stride = numbers[1] - numbers[0]
    run = 2
    while run < n and numbers[run] - numbers[run - 1] == stride:
        run += 1
    for count in sorted((d for d in range(2, run + 1) if n % d == 0), reverse=True):
        starts = numbers[::count]
        if all(numbers[i] == starts[i // count] + stride * (i % count) for i in range(n)):
            if count == n:
                return numbers[0], [(count, stride)]
            outer = lattice(starts)
            if outer:
                return outer[0], outer[1] + [(count, stride)]
    return None


def segments(numbers):
    """The fewest runs of nested loops, taken greedily from the front."""
    numbers = [int(x) for x in numbers]
    found = []
    while numbers:
        whole = lattice(numbers)
        if whole:
            return found + [whole]
        if not found and (pair := two_segments(numbers)):
            return pair
        for length in range(len(numbers) - 1, 0, -1):
            part = lattice(numbers[:length])
            if part:
                found.append(part)
                numbers = numbers[length:]
                break
        if len(found) > 8:
            return None
    return found


def two_segments(numbers):
    """The split into two lattices with the fewest loops, or None."""
    best = None
    for cut in range(1, len(numbers)):
        front = lattice(numbers[:cut])
        back = front and lattice(numbers[cut:])
        if back:
            cost = len(front[1]) + len(back[1])
            if best is None or cost < best[0]:
                best = (cost, [front, back])
    return best and best[1]
