"""Graphs whose nodes are examples: few labels, and edges between all of them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unbend.data._about import about
from unbend.data._dataset import Dataset
from unbend.data._digits import digits

_NEIGHBOURS = 8
_NODES, _CLASSES, _DEGREE, _FEATURES = 1000, 5, 4, 16


def digits_graph() -> Dataset:
    """Handwritten digits, each linked with those that look most like it; one label in ten is known.

    The 1,797 digits of scikit-learn (UCI Optical Recognition of Handwritten Digits, test part; CC BY 4.0), 64 grey
    values / 16, less 0.306, over 0.375. An edge both ways between each digit and its 8 nearest by Euclidean distance.
    Every tenth row has its label in training, 180 in all; the other rows are the test set.
    """
    import torch

    flat = digits()
    x, y = (torch.cat((flat.train[i], flat.test[i])) for i in (0, 1))
    x = x.flatten(1)
    # Grey values are whole numbers: distances are exact, and equal ones go by the row's number.
    grey = torch.round(16 * (0.375 * x.double() + 0.306))
    near = torch.cdist(grey, grey, compute_mode="donot_use_mm_for_euclid_dist").square().round()
    near.fill_diagonal_(torch.inf)
    first = torch.argsort(near, stable=True)[:, :_NEIGHBOURS].numpy()
    pairs = np.stack([np.repeat(np.arange(len(x)), _NEIGHBOURS), first.flatten()])
    return _graph("digits-graph", x.numpy(), y.numpy(), pairs, range(0, len(x), 10), 10)


def block_model() -> Dataset:
    """A graph in which neighbours are of other classes: five on a ring, each linked with the two beside it.

    1,000 nodes; of the links that each starts, 4, nine in ten go to a class beside its own, and the others anywhere;
    they count both ways. 16 features: plus or minus 0.4, drawn once for the class, plus normal noise of size 1, to four
    decimals. One node in ten has its label in training; the other nodes are the test set.
    """
    random = np.random.RandomState(0)  # its stream is frozen, that of the new generators is not
    y = np.arange(_NODES) % _CLASSES
    signs = random.choice([-0.4, 0.4], (_CLASSES, _FEATURES))
    x = np.round(signs[y] + random.standard_normal((_NODES, _FEATURES)), 4).astype(np.float32)
    start = np.repeat(np.arange(_NODES), _DEGREE)
    beside = (y[start] + random.choice([-1, 1], len(start))) % _CLASSES
    wanted = np.where(random.random_sample(len(start)) < 0.9, beside, random.randint(0, _CLASSES, len(start)))
    end = wanted + _CLASSES * random.randint(0, _NODES // _CLASSES, len(start))
    known = [i for i in range(_NODES) if i // _CLASSES % 10 == 0]
    return _graph("block-model", x, y, np.stack([start, end]), known, _CLASSES)


def karate_club() -> Dataset:
    """Friendships in a karate club that split in two; only the two leaders' sides are known.

    34 members and 78 friendships, as networkx ships them (Zachary 1977). A member's features are its number, as 34
    zeros and ones. The labels of members 0 and 33, who led the parties, are for training; those of the other 32 are
    the test set.
    """
    import networkx as nx

    graph = nx.karate_club_graph()
    y = np.array([int(graph.nodes[i]["club"] == "Officer") for i in graph])
    return _graph("karate-club", np.eye(len(y), dtype=np.float32), y, np.array(list(graph.edges)).T, (0, 33), 2)


def les_miserables() -> Dataset:
    """Who meets whom in Les Misérables: the circle of each character, the circles of ten being known.

    77 characters and 254 pairs that meet, as networkx ships them (Knuth 1993). A character's features are its number,
    as 77 zeros and ones. The classes are the five communities that greedy modularity finds by the counts of meetings.
    The two characters of each with the most neighbours are for training; the other 67 are the test set.
    """
    import networkx as nx

    graph = nx.les_miserables_graph()
    number = {name: i for i, name in enumerate(graph)}
    pairs = np.array([(number[a], number[b]) for a, b in graph.edges]).T
    degree = np.bincount(pairs.flatten())
    y = np.zeros(len(number), np.int64)
    known: list[int] = []
    for label, circle in enumerate(nx.community.greedy_modularity_communities(graph, weight="weight")):
        members = np.sort([number[name] for name in circle])
        y[members] = label
        known += members[np.argsort(-degree[members], kind="stable")[:2]].tolist()
    return _graph("les-miserables", np.eye(len(y), dtype=np.float32), y, pairs, known, int(y.max()) + 1)


def _graph(
    name: str,
    x: NDArray[np.float32],
    y: NDArray[np.int64],
    pairs: NDArray[np.int64],
    known: Sequence[int],
    classes: int,
) -> Dataset:
    """Nodes whose labels are known come first; pairs count both ways, each once, and none with itself."""
    import torch

    held = np.ones(len(x), bool)
    held[list(known)] = False
    order = np.argsort(held, kind="stable")
    place = np.argsort(order)
    both = place[np.concatenate([pairs, pairs[::-1]], 1)]
    edges = np.unique(both[:, both[0] != both[1]], axis=1)
    nodes, labels = torch.from_numpy(x[order]), torch.from_numpy(y[order].astype(np.int64))
    split = len(known)
    train, test = (nodes[:split], labels[:split]), (nodes[split:], labels[split:])
    return Dataset(
        name, "classification", train, test, classes=classes, about=about(name), edges=torch.from_numpy(edges)
    )
