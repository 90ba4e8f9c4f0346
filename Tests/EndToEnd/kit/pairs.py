"""All pairs: few rows in which every two values of different columns meet at least once."""

from itertools import combinations, product


def rows(columns, is_possible=lambda row: True):
    """Every possible row. `columns` maps names to values."""
    names = list(columns)
    return [row for values in product(*columns.values()) if is_possible(row := dict(zip(names, values, strict=True)))]


def pairs_of(row):
    return set(combinations(row.items(), 2))


def all_pairs(columns, is_possible=lambda row: True):
    """Rows out of `rows` that have every pair of values which any possible row has: each time the one with most new ones."""
    candidates = rows(columns, is_possible)
    left = {index: pairs_of(row) for index, row in enumerate(candidates)}
    wanted = set().union(*left.values()) if left else set()
    chosen = []
    while wanted:
        best, found = None, 0
        for index in left:
            left[index] &= wanted
            if len(left[index]) > found:
                best, found = index, len(left[index])
        wanted -= left.pop(best)
        chosen.append(candidates[best])
        left = {index: pairs for index, pairs in left.items() if pairs}
    return chosen
