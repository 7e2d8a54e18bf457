"""Lesson 16: cut into patches, shuffle them, embed them backward, read the class token's looks."""

import numpy as np


def cut_patches(images, size):
    """Images as rows of square patches.

        patch n = pixels (size · r … , size · c …) of row r and column c of patches,
        n = r · (W / size) + c: left to right, then the next row

    images: (B, H, W); size divides H and W. Returns (B, N, size²), N = H / size · W / size; the
    pixels of a patch are read row by row.

    With size 2, the image [[1, 2, 3, 4], [5, 6, 7, 8]] becomes [[1, 2, 5, 6], [3, 4, 7, 8]].
    """
    batch, height, width = images.shape
    squares = images.reshape(batch, height // size, size, width // size, size)
    return squares.transpose(0, 1, 3, 2, 4).reshape(batch, -1, size * size)


def shuffle_patches(images, size, order):
    """Images whose patches have changed places, all in the same way.

        at place n of the result stands patch order[n] of the image

    images: (B, H, W); size divides H and W; order: a permutation (N,) of the patches, which are
    numbered left to right, then the next row. Returns (B, H, W).

    With size 2 and order [1, 0], the image [[1, 2, 3, 4], [5, 6, 7, 8]] becomes
    [[3, 4, 1, 2], [7, 8, 5, 6]].
    """
    batch, height, width = images.shape
    rows, columns = height // size, width // size
    squares = images.reshape(batch, rows, size, columns, size).swapaxes(2, 3)
    squares = squares.reshape(batch, rows * columns, size, size)[:, order]
    squares = squares.reshape(batch, rows, columns, size, size).swapaxes(2, 3)
    return squares.reshape(batch, height, width)


def embed_backward(dy, patches, weight, token, positions):
    """The gradients of what a vision transformer reads.

        x[b, 0]     = token + positions[0]                        the class token
        x[b, 1 + n] = weight patches[b, n] + positions[1 + n]     a patch

    dy: the upstream gradient (B, 1 + N, D); patches: (B, N, P); weight: (D, P); token: (D,);
    positions: (1 + N, D). Returns (dpatches, dweight, dtoken, dpositions), of the shapes of
    patches, weight, token and positions.

    All images share weight, token and positions. For patches [[[5]]], weight [[2]], token [0],
    positions [[0], [0]] and dy = [[[3], [4]]]: ([[[8]]], [[20]], [3], [[3], [4]])
    """
    dembedded = dy[:, 1:]
    dweight = np.einsum("bnd,bnp->dp", dembedded, patches)
    return dembedded @ weight, dweight, dy[:, 0].sum(axis=0), dy.sum(axis=0)


def class_token_weights(q, k):
    """How much the class token looks at each patch, in the mean of all heads.

        a_h = softmax over all j of (q_h[0] · k_h[j] / √d)        the class token's weights
        looks[n] = mean over h of a_h[1 + n]                      those of the patches

    q, k: queries and keys of one image (n_head, 1 + N, d), the class token first. Returns (N,);
    it sums to less than 1, for a part of the weight goes to the class token itself.

    For one head with d = 1, q = [[[1], [5]]] and k = [[[0], [log 3]]]: [0.75]
    """
    scores = np.einsum("hd,hjd->hj", q[:, 0], k) / np.sqrt(q.shape[-1])
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights = e / e.sum(axis=1, keepdims=True)
    return weights[:, 1:].mean(axis=0)
