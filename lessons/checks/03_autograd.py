"""What the exercises of lesson 03 are held against, the mistakes they know, and their hints."""

from functools import wraps

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lessons.course.exercise import Function, Gradient

NAMES = "gcaebfdh"  # so that no alphabet sorts them
numbers = st.floats(-3, 3)


class Said(str):
    """A sentence in place of an answer; shown without quotes."""

    __slots__ = ()
    __repr__ = str.__str__


FINE = Said("each node once, after its sources")


def graph_of(parents):
    """(root, sources) of a graph: node k has the sources parents[k], and may be used by none."""
    sources = {NAMES[k]: tuple(NAMES[i] for i in made) for k, made in enumerate(parents)}
    return NAMES[len(parents) - 1], dict(sorted(sources.items()))


def random_graph(rng):
    """A diamond at least: d is made from b and c, which are both made from a; f stands on e too."""
    more = [(int(rng.integers(4)), 3), (4, int(rng.integers(3)))]
    return graph_of([(), (0,), (0, 1) if rng.random() < 0.5 else (0,), (1, 2), *more])


def some_parents(n):
    """The first is a leaf; the others stand on at most three earlier ones, or twice on one."""
    others = (st.lists(st.integers(0, k - 1), max_size=3).map(tuple) for k in range(1, n))
    return st.tuples(st.just(()), *others)


graphs = st.integers(1, 6).flatmap(some_parents).map(graph_of)


def ancestors(root, sources):
    found, new = {root}, {root}
    while new:
        new = {s for node in new for s in sources[node]} - found
        found |= new
    return found


def judged(written):
    """What is wrong with the order that it returns, as any of several may be right."""

    @wraps(written)
    def called(root, sources):
        order = written(root, sources)
        return fault_of(order, root, sources) if isinstance(order, list) else order

    return called


def fault_of(order, root, sources):
    due = ancestors(root, sources)
    for k, node in enumerate(order):
        if node in order[:k]:
            return Said(f"a list with {node!r} twice")
        if node not in due:
            return Said(f"a list with {node!r}, which root is not made from")
        late = [s for s in sources[node] if s not in order[:k]]
        if late and late[0] in order:
            return Said(f"a list with {node!r} before its source {late[0]!r}")
    missing = sorted(due - set(order))
    return Said(f"a list without {missing[0]!r}") if missing else FINE


topological_order = Function(
    name="topological_order",
    right=lambda root, sources: FINE,
    use=judged,
    example=random_graph,
    cases=graphs,
    hints=(
        "Walk from the root to its sources, and from them to theirs. Keep a set of those seen.",
        "A node may be added to the list only when all of its sources are in it: add it last.",
        "With recursion: visit(node) is: if seen, return; visit each source; append the node.",
        "Without: push (node, True) on a stack, then its sources with False; append on True.",
    ),
)


def walk(root, sources, first=False, skip=True):
    """Depth first; `first` appends a node before its sources, `skip` leaves out those seen."""
    order = []

    def visit(node):
        if skip and node in order:
            return
        if first:
            order.append(node)
        for source in sources[node]:
            visit(source)
        if not first:
            order.append(node)

    visit(root)
    return order


@topological_order.mistake(
    "The list begins with the root, where it should end. Visit all sources of a node first, and "
    "add it after them."
)
def node_first(root, sources):
    return walk(root, sources, first=True)


REVERSED = (
    "Each node is added when it is reached, and the list is reversed. That is not enough: a node "
    "may be a source of another that is reached later. Add each after its sources; do not reverse."
)


@topological_order.mistake(REVERSED)
def reversed_preorder(root, sources):
    return walk(root, sources, first=True)[::-1]


@topological_order.mistake(REVERSED)
def reversed_stack(root, sources):
    return walk(root, {node: made[::-1] for node, made in sources.items()}, first=True)[::-1]


@topological_order.mistake(
    "A node that is used twice comes twice, and its gradient would be passed on twice. Keep a set "
    "of the nodes seen, and skip them."
)
def visited_again(root, sources):
    return walk(root, sources, skip=False)


@topological_order.mistake(
    "Layer by layer, by the shortest way to the root: a node may also be needed on a longer way, "
    "and then it comes too late. Go deep first, and add a node after its sources."
)
def breadth_first(root, sources):
    order = [root]
    for node in order:
        order += [s for s in dict.fromkeys(sources[node]) if s not in order]
    return order[::-1]


@topological_order.mistake("The root itself is missing: it is the last of the list.")
def without_root(root, sources):
    return walk(root, sources)[:-1]


@topological_order.mistake("Only the leaves came back: every node on the way belongs to the order.")
def only_leaves(root, sources):
    return [node for node in walk(root, sources) if not sources[node]]


@topological_order.mistake(
    "The order of the dict is not an order of the graph, and it may hold nodes that root does not "
    "stand on. Walk along the sources."
)
def as_in_the_dict(root, sources):
    return list(sources)


@topological_order.swap
def grow_a_square_root(topological_order):
    sources = {"miss": ("square", "two"), "two": (), "square": ("x", "x"), "x": ()}
    sources["loss"] = ("miss", "miss")
    x = 1.0
    for _ in range(60):
        value = {"x": x, "square": x * x, "miss": x * x - 2, "two": 2.0}
        slopes = {"square": [x, x], "miss": [1, -1], "loss": [value["miss"]] * 2}
        total = dict.fromkeys(sources, 0.0) | {"loss": 1.0}
        for node in reversed(topological_order("loss", sources)):
            for source, slope in zip(sources[node], slopes.get(node, []), strict=True):
                total[source] += slope * total[node]
        x -= 0.05 * total["x"]
    assert abs(x * x - 2) < 1e-6, f"Walking (x² − 2)² downhill in this order ends at x = {x:.4g}."
    return f"Walking (x² − 2)² downhill in this order finds √2 = {x:.6f}."


def sum_over_paths(order, edges):
    """Another way to the same numbers: the products of the slopes along all paths, added up."""

    def paths(node, goal):
        onward = sum(slope * paths(source, goal) for source, slope in edges[node])
        return 1.0 if node == goal else float(onward)

    return {node: paths(order[-1], node) for node in order}


def with_slopes(parents, slopes):
    slopes = iter(slopes)
    edges = {NAMES[k]: [(NAMES[i], next(slopes)) for i in made] for k, made in enumerate(parents)}
    return list(edges), edges


def random_slopes(rng):
    """A diamond, an edge that skips it, and a leaf that nothing is made from."""
    parents = [(), (), (0,), (0,), (2, 3), (4, 0), (5, 5)]
    slopes = rng.uniform(0.5, 2, 9) * rng.choice([-1.0, 1.0], 9)
    return with_slopes(parents, slopes.round(2).tolist())


backpropagate = Function(
    name="backpropagate",
    right=sum_over_paths,
    example=random_slopes,
    cases=st.integers(1, 5)
    .flatmap(some_parents)
    .flatmap(lambda p: st.tuples(st.just(p), st.lists(numbers, min_size=20, max_size=20)))
    .map(lambda drawn: with_slopes(*drawn)),
    hints=(
        "Begin with 0 for each node and 1 for the last, and walk through `order` from its end.",
        "A node sends to each source its own gradient times the slope of that edge.",
        "A source that has several users, or two edges to one, gets the sum: +=, not =.",
    ),
)


@backpropagate.mistake(
    "A share is assigned where it should be added: a node that is used twice keeps its last "
    "branch and loses the others. Write +=."
)
def assigned(order, edges):
    gradient = dict.fromkeys(order, 0.0) | {order[-1]: 1.0}
    for node in reversed(order):
        for source, slope in edges[node]:
            gradient[source] = slope * gradient[node]
    return gradient


@backpropagate.mistake(
    "The walk begins at the leaves, where no gradient has come yet. Begin at the end of `order`."
)
def from_the_leaves(order, edges):
    gradient = dict.fromkeys(order, 0.0) | {order[-1]: 1.0}
    for node in order:
        for source, slope in edges[node]:
            gradient[source] += slope * gradient[node]
    return gradient


@backpropagate.mistake(
    "The gradient of the node is missing: what a source gets is slope · gradient of the node. So "
    "far only the slopes of its own edges are added up."
)
def only_slopes(order, edges):
    gradient = dict.fromkeys(order, 0.0) | {order[-1]: 1.0}
    for node in reversed(order):
        for source, slope in edges[node]:
            gradient[source] += slope
    return gradient


@backpropagate.mistake(
    "The chain rule multiplies along a path: slope · gradient, where you add the two."
)
def added_along_the_path(order, edges):
    gradient = dict.fromkeys(order, 0.0) | {order[-1]: 1.0}
    for node in reversed(order):
        for source, slope in edges[node]:
            gradient[source] += slope + gradient[node]
    return gradient


@backpropagate.mistake("The shares of several users are multiplied; they add up.")
def branches_multiplied(order, edges):
    gradient = dict.fromkeys(order, 1.0)
    for node in reversed(order):
        for source, slope in edges[node]:
            gradient[source] *= slope * gradient[node]
    return gradient


@backpropagate.mistake("It is all zeros: the last node starts with gradient 1, as dL/dL is 1.")
def without_start(order, edges):
    return dict.fromkeys(order, 0.0)


@backpropagate.mistake(
    "The edges of the last node are not followed, so nothing is sent at all: begin with it."
)
def last_node_skipped(order, edges):
    return dict.fromkeys(order, 0.0) | {order[-1]: 1.0}


@backpropagate.mistake(
    "All nodes start with gradient 1. Only the last does; the others start with 0."
)
def ones_everywhere(order, edges):
    gradient = dict.fromkeys(order, 1.0)
    for node in reversed(order):
        for source, slope in edges[node]:
            gradient[source] += slope * gradient[node]
    return gradient


@backpropagate.mistake(
    "Two edges to the same source are taken for one, as in y = x · x: each sends its share."
)
def one_edge_a_source(order, edges):
    gradient = dict.fromkeys(order, 0.0) | {order[-1]: 1.0}
    for node in reversed(order):
        for source, slope in dict(edges[node]).items():
            gradient[source] += slope * gradient[node]
    return gradient


@backpropagate.mistake(
    "A node that the result does not depend on is left out: its gradient is 0. Begin with 0 for "
    "every node of `order`."
)
def unused_left_out(order, edges):
    gradient = {order[-1]: 1.0}
    for node in reversed(order):
        for source, slope in edges[node]:
            gradient[source] = gradient.get(source, 0.0) + slope * gradient.get(node, 0.0)
    return gradient


@backpropagate.swap
def around_a_block(backpropagate):
    x, w = 1.0, 0.5
    for _ in range(60):
        h = np.tanh(w * x)
        y = x + h  # x goes two ways
        edges = {"x": [], "w": [], "wx": [("w", x), ("x", w)], "h": [("wx", 1 - h * h)]}
        edges |= {"y": [("x", 1.0), ("h", 1.0)], "loss": [("y", 2 * (y - 3))]}
        gradient = backpropagate(list(edges), edges)
        x, w = x - 0.1 * gradient["x"], w - 0.1 * gradient["w"]
    miss = abs(x + np.tanh(w * x) - 3)
    assert miss < 1e-3, f"x + tanh(w x) should come to 3, but after 60 steps {miss:.3g} is missing."
    return f"x + tanh(w x) is brought to 3 within {miss:.1g}."


def summed(g, shape):
    """By einsum: letters that are not asked for are summed."""
    letters = "abcde"[: g.ndim]
    own = letters[g.ndim - len(shape) :]
    kept = "".join(letter for letter, n in zip(own, shape, strict=True) if n > 1)
    return np.einsum(f"{letters}->{kept}", g).reshape(shape)


def stretched(rng, seed_shape=(5, 1, 3)):
    """A stretched axis inside, and one in front that the shape lacks."""
    return rng.normal(size=(2, 5, 7, 3)), seed_shape


def a_stretched_pair(drawn):
    full, ones, lost, seed = drawn
    shape = tuple(1 if one else n for n, one in zip(full, ones, strict=False))[lost:]
    return np.random.default_rng(seed).normal(size=full), shape


unbroadcast = Function(
    name="unbroadcast",
    right=summed,
    example=stretched,
    cases=st.tuples(
        st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple),
        st.lists(st.booleans(), min_size=3, max_size=3),
        st.integers(0, 3),
        st.integers(0, 99),
    ).map(a_stretched_pair),
    hints=(
        "Shapes are aligned at their ends: g.ndim − len(shape) axes in front are new. Sum them.",
        "Then g has as many axes as shape. Sum those where shape has 1, with keepdims=True.",
        "`axis` may be a tuple of axes, and an empty tuple sums nothing.",
    ),
)


@unbroadcast.mistake(
    "A mean is taken. Each copy has an influence of its own on the loss, and these add up: sum."
)
def averaged(g, shape):
    return summed(g, shape) / (g.size / np.prod(shape))


@unbroadcast.mistake(
    "The first of the copies is taken. All of them are used in the forward pass: sum them."
)
def first_copy(g, shape):
    g = g[(0,) * (g.ndim - len(shape))]
    return g[tuple(slice(0, n) for n in shape)]


@unbroadcast.mistake(
    "g is reshaped or cut to the shape; its entries must be added up, as each copy has a share."
)
def cut_to_size(g, shape):
    return np.resize(g, shape)


@unbroadcast.mistake("The axes in front are summed; those where `shape` has 1 are still to do.")
def only_in_front(g, shape):
    return g.sum(axis=tuple(range(g.ndim - len(shape))))


@unbroadcast.mistake(
    "The axes of length 1 are summed; those in front, which `shape` lacks, are still there."
)
def only_ones(g, shape):
    lost = g.ndim - len(shape)
    return g.sum(axis=tuple(i + lost for i, n in enumerate(shape) if n == 1), keepdims=True)


@unbroadcast.mistake(
    "The last axes are summed. Shapes are aligned at their ends, so the new axes are in front."
)
def summed_behind(g, shape):
    g = g.sum(axis=tuple(range(len(shape), g.ndim)))
    return g.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


@unbroadcast.mistake(
    "`shape` is compared with g from the left. NumPy aligns shapes at their ends: sum the axes in "
    "front first, g.ndim − len(shape) of them."
)
def compared_from_the_left(g, shape):
    for axis, n in enumerate(shape):
        if n != g.shape[axis]:
            g = g.sum(axis=axis, keepdims=True)
    return g


@unbroadcast.mistake(
    "Axis i of `shape` is another axis of g as long as g has new ones in front: sum those first."
)
def ones_before_the_front(g, shape):
    g = g.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)
    return g.sum(axis=tuple(range(g.ndim - len(shape))))


@unbroadcast.mistake(
    "An axis of length 1 is lost: the sum over it needs keepdims=True, so that it stays."
)
def axis_lost(g, shape):
    return np.squeeze(summed(g, shape))


@unbroadcast.mistake("Everything is summed to one number, but only the stretched axes are to go.")
def summed_entirely(g, shape):
    return g.sum()


@unbroadcast.swap
def learn_rows_and_columns(unbroadcast):
    table = np.add.outer(np.arange(5.0), np.array([3.0, -1.0, 4.0]))
    rows, columns = np.zeros((5, 1)), np.zeros(3)
    for _ in range(200):
        g = rows + columns - table
        rows = rows - 0.1 * unbroadcast(g, rows.shape)
        columns = columns - 0.1 * unbroadcast(g, columns.shape)
    miss = np.abs(rows + columns - table).max()
    assert miss < 1e-3, f"A table of row + column is still {miss:.3g} from its target."
    return f"A column of rows plus a row of columns learns a table within {miss:.1g}."


def einsum_product(a, b):
    return np.einsum("nk,km->nm", a, b)


def matrix_pair(sizes):
    n, k, m = sizes
    elements = st.floats(-9, 9)
    return st.tuples(
        arrays(float, (n, k), elements=elements), arrays(float, (k, m), elements=elements)
    )


matmul_backward = Gradient(
    name="matmul_backward",
    forward=einsum_product,
    bank="matmul",
    # Square: no shape complains where a transpose is missing. The cases have other shapes.
    example=lambda rng: (rng.normal(size=(5, 5)), rng.normal(size=(5, 5))),
    cases=st.tuples(*[st.integers(1, 4)] * 3).flatmap(matrix_pair),
    hints=(
        "Look at shapes: da is (N, K), dy is (N, M), b is (K, M). Which product fits?",
        "y_nm = Σ_k a_nk b_km. So a_nk is in all of row n of y: da_nk = Σ_m dy_nm b_km.",
        "That is da = dy @ bᵀ. In the same way db_km = Σ_n a_nk dy_nm.",
    ),
)


@matmul_backward.mistake(
    "dy is missing: this is right only if it is all ones. da = dy @ bᵀ and db = aᵀ @ dy."
)
def without_upstream(dy, a, b):
    return np.ones_like(dy) @ b.T, a.T @ np.ones_like(dy)


@matmul_backward.mistake("Averaged over the rows of the batch: only a loss has a mean; this sums.")
def averaged_over_rows(dy, a, b):
    return dy @ b.T, a.T @ dy / len(a)


@matmul_backward.mistake("dy is transposed: it has the shape of y as it is.")
def upstream_transposed(dy, a, b):
    return dy.T @ b.T, a.T @ dy.T


@matmul_backward.swap
def fit(matmul_backward):
    rng = np.random.default_rng(0)
    x, truth = rng.normal(size=(31, 3)), np.array([[2.0, -1.0], [0.0, 3.0], [1.0, 1.0]])
    w = np.zeros((3, 2))
    for _ in range(200):
        _, dw = matmul_backward(2 * (x @ w - x @ truth) / len(x), x, w)
        w = w - 0.1 * dw
    miss = np.abs(w - truth).max()
    assert miss < 1e-3, f"A 3 × 2 matrix is to be found from its products; {miss:.3g} is missing."
    return f"A 3 × 2 matrix is found from its products, within {miss:.1g}."
