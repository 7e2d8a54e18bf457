"""Lesson 03: the parts of an engine: order, accumulation, un-broadcasting, a product's backward."""


def topological_order(root, sources):
    """Every node that `root` was made from, once, each after all of its sources; root is the last.

    root: the name of a node. sources: a dict from each name to the tuple of names that it was made
    from, () for a leaf. Returns a list of names; where several orders are right, any of them.

    With sources = {"x": (), "w": (), "wx": ("w", "x"), "y": ("wx", "x")}:
    topological_order("y", sources) = ["x", "w", "wx", "y"], or with w before x
    """
    order, seen, waiting = [], set(), [(root, False)]
    while waiting:
        node, sources_done = waiting.pop()
        if sources_done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            waiting.append((node, True))
            waiting += [(source, False) for source in sources[node]]
    return order


def backpropagate(order, edges):
    """The gradient of the last node in each node, by the chain rule.

    order: names of nodes, each after its sources, the result last. edges: a dict from each name to
    a list of pairs (source, slope): its sources, and the derivative of the node in each of them.
    Returns a dict from each name to a number: 1 for the last node, 0 for one that it does not
    depend on.

    For y = x · x at x = 3, which has two edges to x: order = ["x", "y"],
    edges = {"x": [], "y": [("x", 3.0), ("x", 3.0)]} gives {"x": 6.0, "y": 1.0}
    """
    gradient = dict.fromkeys(order, 0.0)
    gradient[order[-1]] = 1.0
    for node in reversed(order):
        for source, slope in edges[node]:
            gradient[source] += slope * gradient[node]
    return gradient


def unbroadcast(g, shape):
    """The gradient of an array that broadcasting has stretched, from that of the stretched one.

    g: an array; shape: a tuple that NumPy broadcasts to g.shape. Returns an array of shape `shape`:
    what was copied in the forward pass is added up, over axes in front that `shape` lacks, and
    over those where it has length 1.

    unbroadcast(np.ones((4, 3)), (3,)) = [4, 4, 4]
    unbroadcast(np.ones((4, 3)), (4, 1)) = [[3], [3], [3], [3]]
    """
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    return g.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


def matmul_backward(dy, a, b):
    """The gradients of y = a @ b.

    a: (N, K); b: (K, M); dy: the upstream gradient (N, M). Returns (da, db), with the shapes of a
    and b.

    For a = [[1, 2]], b = [[3], [4]] and dy = [[10]]: da = [[30, 40]] and db = [[10], [20]]
    """
    return dy @ b.T, a.T @ dy
