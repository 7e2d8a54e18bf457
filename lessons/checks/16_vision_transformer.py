"""What the exercises of lesson 16 are held against, the mistakes they know, and their hints."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import minitransformer as mt
from lessons.course.exercise import Function, Gradient
from minitransformer import functional as F
from minitransformer import nn

WIDTH, PATCH, PLACES = 16, 2, 9


def arrays_of(*shape, largest=5.0):
    return arrays(float, shape, elements=st.floats(-largest, largest))


def digits(rng, count):
    """Digits of 5 × 3 pixels in (count, 6, 6), under noise, and their numbers."""
    font = "31599 11415 29671 29647 23497 31183 31215 29257 31727 31695"
    glyphs = np.array([[int(bit) for bit in f"{int(code):015b}"] for code in font.split()])
    images, labels = rng.normal(scale=0.2, size=(count, 6, 6)), rng.integers(10, size=count)
    images[:, :5, 1:4] += glyphs[labels].reshape(count, 5, 3)
    return images, labels


class Reader(nn.Module):
    """A small ViT: patches of 2 × 2 pixels, a class token, positions, one block."""

    def __init__(self, cut):
        super().__init__()
        mt.manual_seed(0)
        self.cut, self.embed = cut, nn.Linear(PATCH**2, WIDTH, bias=False)
        self.token = nn.Parameter(np.zeros(WIDTH, np.float32))
        self.positions = nn.init.normal_(nn.Embedding(1 + PLACES, WIDTH).weight, std=1.0)
        self.block, self.norm = nn.TransformerBlock(WIDTH, n_head=2), nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, 10)

    def rows(self, images):
        """(B, 1 + PLACES, WIDTH)"""
        patches = mt.tensor(np.asarray(self.cut(images, PATCH), np.float32))
        token = self.token.broadcast_to(len(images), 1, WIDTH)
        return F.concatenate([token, self.embed(patches)], axis=1) + self.positions

    def forward(self, images):
        return self.answer(self.rows(images))

    def answer(self, rows):
        return self.head(self.norm(self.block(rows)[:, 0]))


def learn(reader, step=None, steps=300):
    """Train on digits; `step(images, labels)` makes the gradients if `backward` does not."""
    rng = np.random.default_rng(0)
    optimizer = mt.optim.Adam(reader.parameters(), lr=0.01)
    for _ in range(steps):
        images, labels = digits(rng, 50)
        optimizer.zero_grad()
        if step is None:
            F.cross_entropy(reader(images), labels).backward()
        else:
            step(images, labels)
        optimizer.step()
    return reader


def accuracy(reader, change=lambda images: images):
    images, labels = digits(np.random.default_rng(1), 500)
    with mt.no_grad():
        return np.mean(reader(change(images)).data.argmax(axis=1) == labels)


def right_cut(images, size):
    """Patch by patch."""
    _, height, width = images.shape
    corners = [(r, c) for r in range(0, height, size) for c in range(0, width, size)]
    each = [images[:, r : r + size, c : c + size] for r, c in corners]
    return np.stack([patch.reshape(len(images), -1) for patch in each], axis=1)


def fives(images, size):
    """(B, rows, size, columns, size)"""
    batch, height, width = images.shape
    return images.reshape(batch, height // size, size, width // size, size)


cut_patches = Function(
    name="cut_patches",
    right=right_cut,
    example=lambda rng: (rng.normal(size=(2, 15, 21)), 3),
    cases=st.tuples(arrays_of(2, 4, 6), st.sampled_from([1, 2])),
    hints=(
        "Cut both axes in two: H becomes (rows of patches, size), W (columns of patches, size).",
        "images.reshape(B, H // size, size, W // size, size)",
        "Both `size` axes belong to the pixels of a patch: move them behind rows and columns.",
        ".transpose(0, 1, 3, 2, 4), then reshape to (B, N, size²).",
    ),
)


@cut_patches.mistake(
    "reshape alone cuts off strips: it reads each row of pixels to its end before the next. Give "
    "rows and columns axes of their own, and move the axes of the pixels together first."
)
def strips(images, size):
    return images.reshape(len(images), -1, size * size)


@cut_patches.mistake(
    "The patches go down the columns. They go as one reads: left to right, then the next row."
)
def column_by_column(images, size):
    squares = fives(images, size).transpose(0, 3, 1, 2, 4)
    return squares.reshape(len(images), -1, size * size)


@cut_patches.mistake("The pixels within a patch go column by column; read them row by row.")
def pixels_by_column(images, size):
    squares = fives(images, size).transpose(0, 1, 3, 4, 2)
    return squares.reshape(len(images), -1, size * size)


@cut_patches.mistake(
    "Patches and the pixels in them go column by column: the image is turned over its diagonal."
)
def turned_over(images, size):
    squares = fives(images, size).transpose(0, 3, 1, 4, 2)
    return squares.reshape(len(images), -1, size * size)


@cut_patches.mistake(
    "The pixels are dealt out like cards: each patch has every so-many-th pixel of the whole "
    "image. Of an axis of length H, (H / size, size) are neighbours, (size, H / size) are not."
)
def dealt_out(images, size):
    batch, height, width = images.shape
    squares = images.reshape(batch, size, height // size, size, width // size)
    return squares.transpose(0, 2, 4, 1, 3).reshape(batch, -1, size * size)


@cut_patches.mistake("The patches are squares still: make one row of size² numbers of each.")
def squares_still(images, size):
    return right_cut(images, size).reshape(len(images), -1, size, size)


@cut_patches.mistake(
    "The patches still stand in their grid, (B, rows, columns, size²): a transformer reads one "
    "row of them, (B, N, size²)."
)
def grid_still(images, size):
    rows = images.shape[1] // size
    return right_cut(images, size).reshape(len(images), rows, -1, size * size)


@cut_patches.mistake(
    "The patches of all images stand in one row: keep the axis of the images, (B, N, size²)."
)
def images_joined(images, size):
    return right_cut(images, size).reshape(-1, size * size)


@cut_patches.mistake("The last two axes are exchanged: a row should be one patch, (N, size²).")
def patches_last(images, size):
    return right_cut(images, size).swapaxes(1, 2)


@cut_patches.mistake(
    "The windows overlap: they move by one pixel. Patches stand side by side, `size` apart."
)
def overlapping(images, size):
    windows = np.lib.stride_tricks.sliding_window_view(images, (size, size), axis=(1, 2))
    return windows.reshape(len(images), -1, size * size)


@cut_patches.mistake("These are the means of the patches; all their pixels are wanted.")
def means(images, size):
    return right_cut(images, size).mean(axis=2)


@cut_patches.swap
def read_patches(cut_patches):
    reached = accuracy(learn(Reader(cut_patches)))
    assert reached > 0.8, f"A ViT of such patches reads {reached:.1%} of digits, not nearly all."
    return f"A ViT of these patches reads {reached:.1%} of 500 new digits of 5 × 3 pixels."


def right_shuffle(images, size, order):
    """Square by square."""
    shuffled, columns = np.empty_like(images), images.shape[2] // size
    for place, patch in enumerate(order):
        (r, c), (s, t) = (np.array(divmod(n, columns)) * size for n in (place, patch))
        shuffled[:, r : r + size, c : c + size] = images[:, s : s + size, t : t + size]
    return shuffled


def shuffle_example(rng):
    return rng.normal(size=(2, 15, 21)), 3, rng.permutation(35)


shuffle_patches = Function(
    name="shuffle_patches",
    right=right_shuffle,
    example=shuffle_example,
    cases=st.tuples(arrays_of(2, 4, 6), st.just(2), st.permutations(range(6)).map(np.array)),
    hints=(
        "Cut the images into squares (B, N, size, size), choose, and join them again.",
        "Of a reshape to (B, rows, size, columns, size), axes 2 and 3 change places.",
        "squares[:, order] has patch order[n] at place n.",
        "Joining is cutting backwards: (B, rows, columns, size, size), axes 2 and 3 change places "
        "again, then (B, H, W).",
    ),
)


@shuffle_patches.mistake(
    "The order is used the other way round: patch n goes to place order[n]. Here place n gets "
    "patch order[n]: squares[:, order] on the right side of the =, not on the left."
)
def other_way_round(images, size, order):
    return right_shuffle(images, size, np.argsort(order))


@shuffle_patches.mistake(
    "The squares are joined by reshape alone, so that each lies flat as a strip: the axes of rows "
    "of pixels and of columns of patches have to change places first."
)
def joined_as_strips(images, size, order):
    return right_cut(images, size)[:, order].reshape(images.shape)


@shuffle_patches.mistake(
    "They are cut by reshape alone: these are strips of pixels that change places, not squares."
)
def cut_as_strips(images, size, order):
    strips = images.reshape(len(images), -1, size * size)
    return strips[:, order].reshape(images.shape)


@shuffle_patches.mistake("The patches are not joined again: the result is images, (B, H, W).")
def not_joined(images, size, order):
    return right_cut(images, size)[:, order]


@shuffle_patches.mistake(
    "The pixels of each patch are turned over its diagonal: only the patches change places."
)
def patches_turned(images, size, order):
    shuffled = fives(right_shuffle(images, size, order), size)
    return shuffled.transpose(0, 1, 4, 3, 2).reshape(images.shape)


@shuffle_patches.mistake(
    "The patches are numbered down the columns: they go left to right, then the next row."
)
def numbered_down(images, size, order):
    rows, columns = images.shape[1] // size, images.shape[2] // size
    number = np.arange(rows * columns).reshape(rows, columns).T.ravel()
    as_read = np.empty_like(order)
    as_read[number] = number[order]
    return right_shuffle(images, size, as_read)


@shuffle_patches.mistake("Nothing is shuffled: these are the images as they came.")
def nothing(images, size, order):
    return images.copy()


@shuffle_patches.mistake(
    "Each image should be shuffled by itself; here patches change from one image to another."
)
def across_images(images, size, order):
    shuffled = right_shuffle(images, size, order)
    return np.roll(shuffled, 1, axis=0)


@shuffle_patches.mistake("The order is applied twice.")
def twice(images, size, order):
    return right_shuffle(images, size, order[order])


@shuffle_patches.swap
def read_shuffled(shuffle_patches):
    order = np.random.default_rng(2).permutation(PLACES)

    def change(images):
        return np.asarray(shuffle_patches(images, PATCH, order), float)

    reader = learn(Reader(lambda images, size: right_cut(images, size)[:, order]))
    whole, shuffled = (
        Reader(lambda images, size: right_cut(change(images), size)),
        Reader(right_cut),
    )
    for other in (whole, shuffled):
        other.load_state_dict(reader.state_dict())
    reached, lost = accuracy(whole), accuracy(shuffled)
    assert reached > 0.8 > 0.5 > lost, (
        f"A ViT that learned shuffled digits reads {reached:.1%} of those you shuffled and "
        f"{lost:.1%} of whole ones; it should be nearly all, and few."
    )
    return f"A ViT that learned from shuffled digits reads {reached:.0%}; of whole ones {lost:.0%}."


def right_embed(patches, weight, token, positions):
    embedded = np.einsum("bnp,dp->bnd", patches, weight) + positions[1:]
    first = np.tile(token + positions[0], (len(patches), 1, 1))
    return np.concatenate([first, embedded], axis=1)


def embed_example(rng):
    return tuple(rng.normal(size=shape) for shape in ((3, 5, 7), (11, 7), (11,), (6, 11)))


embed_backward = Gradient(
    name="embed_backward",
    forward=right_embed,
    example=embed_example,
    cases=st.tuples(arrays_of(2, 3, 2), arrays_of(4, 2), arrays_of(4), arrays_of(4, 4)),
    hints=(
        "dy[:, 0] came through the class token, dy[:, 1:] through the patches.",
        "Whatever several images share gets the sum of what they say: sum over axis 0.",
        "positions are added everywhere, so their gradient is dy.sum(axis=0).",
        "The patches go through a linear layer: dpatches = dy[:, 1:] @ weight. And dweight sums "
        "dy[b, 1 + n, d] · patches[b, n, p] over images and places: an einsum says it.",
    ),
)


def embed_gradients(dy, patches, weight, /, **changed):
    """The right gradients, some of them replaced."""
    right = {
        "patches": dy[:, 1:] @ weight,
        "weight": np.tensordot(dy[:, 1:], patches, axes=((0, 1), (0, 1))),
        "token": dy[:, 0].sum(axis=0),
        "positions": dy.sum(axis=0),
    }
    return tuple((right | changed).values())


@embed_backward.mistake(
    "The token's gradient is not summed over the images: all of them share one token, (D,)."
)
def token_unsummed(dy, patches, weight, token, positions):
    return embed_gradients(dy, patches, weight, token=dy[:, 0])


@embed_backward.mistake(
    "The token's gradient is a mean over the images: what is shared gets the sum."
)
def token_mean(dy, patches, weight, token, positions):
    return embed_gradients(dy, patches, weight, token=dy[:, 0].mean(axis=0))


@embed_backward.mistake(
    "The token's gradient sums over all places: the token stands at place 0 alone."
)
def token_everywhere(dy, patches, weight, token, positions):
    return embed_gradients(dy, patches, weight, token=dy.sum(axis=(0, 1)))


@embed_backward.mistake("The token stands in front, at place 0; this is the gradient of the last.")
def token_last(dy, patches, weight, token, positions):
    return embed_gradients(dy, patches, weight, token=dy[:, -1].sum(axis=0))


@embed_backward.mistake("The token's gradient is that of the first image: sum over all of them.")
def token_of_one_image(dy, patches, weight, token, positions):
    return embed_gradients(dy, patches, weight, token=dy[0, 0])


@embed_backward.mistake(
    "The gradient of positions is not summed over the images, which share them: (1 + N, D)."
)
def positions_unsummed(dy, patches, weight, token, positions):
    return embed_gradients(dy, patches, weight, positions=dy)


@embed_backward.mistake(
    "The gradient of positions is a mean over the images: what is shared gets the sum."
)
def positions_mean(dy, patches, weight, token, positions):
    return embed_gradients(dy, patches, weight, positions=dy.mean(axis=0))


@embed_backward.mistake("positions[0] has no gradient here: the class token has a position too.")
def position_of_the_token_left_out(dy, patches, weight, token, positions):
    dpositions = dy.sum(axis=0)
    dpositions[0] = 0
    return embed_gradients(dy, patches, weight, positions=dpositions)


@embed_backward.mistake(
    "Patches and places do not match: patch n stands at place 1 + n, so leave out the first of "
    "dy, not the last."
)
def off_by_one(dy, patches, weight, token, positions):
    dembedded = dy[:, :-1]
    dweight = np.tensordot(dembedded, patches, axes=((0, 1), (0, 1)))
    return embed_gradients(dy, patches, weight, patches=dembedded @ weight, weight=dweight)


@embed_backward.mistake(
    "The weight's gradient is a mean over the images: what is shared gets the sum."
)
def weight_mean(dy, patches, weight, token, positions):
    dweight = np.tensordot(dy[:, 1:], patches, axes=((0, 1), (0, 1))) / len(dy)
    return embed_gradients(dy, patches, weight, weight=dweight)


@embed_backward.mistake(
    "The weight's gradient is a mean over images and patches: what is shared gets the sum."
)
def weight_mean_of_all(dy, patches, weight, token, positions):
    dweight = np.tensordot(dy[:, 1:], patches, axes=((0, 1), (0, 1)))
    return embed_gradients(dy, patches, weight, weight=dweight / patches[:, :, 0].size)


@embed_backward.mistake(
    "The weight's gradient is that of the first image alone: sum over all of them."
)
def weight_of_one_image(dy, patches, weight, token, positions):
    return embed_gradients(dy, patches, weight, weight=dy[0, 1:].T @ patches[0])


@embed_backward.mistake("The weight's gradient is transposed: it should be (D, P), as `weight` is.")
def weight_transposed(dy, patches, weight, token, positions):
    dweight = np.tensordot(patches, dy[:, 1:], axes=((0, 1), (0, 1)))
    return embed_gradients(dy, patches, weight, weight=dweight)


@embed_backward.mistake(
    "dpatches has a row too many: the class token is no patch, so leave dy[:, 0] out."
)
def token_taken_for_a_patch(dy, patches, weight, token, positions):
    return embed_gradients(dy, patches, weight, patches=dy @ weight)


@embed_backward.swap
def learn_to_embed(embed_backward):
    reader = Reader(right_cut)

    def step(images, labels):
        patches = right_cut(images, PATCH)
        shared = (reader.embed.weight, reader.token, reader.positions)
        inputs = patches, *(p.data.astype(float) for p in shared)
        rows = mt.tensor(right_embed(*inputs).astype(np.float32), requires_grad=True)
        F.cross_entropy(reader.answer(rows), labels).backward()
        _, *gradients = embed_backward(rows.grad.astype(float), *inputs)
        for p, gradient in zip(shared, gradients, strict=True):
            p.grad = np.asarray(gradient, np.float32)

    reached = accuracy(learn(reader, step))
    assert reached > 0.8, f"A ViT that learns by it reads {reached:.1%} of digits, not nearly all."
    return f"A ViT that learns by it reads {reached:.1%} of 500 new digits of 5 × 3 pixels."


def softmax(s, axis=-1):
    e = np.exp(s - s.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def all_weights(q, k, root=None, axis=-1):
    """(n_head, 1 + N, 1 + N)"""
    return softmax(q @ k.swapaxes(1, 2) / (root or np.sqrt(q.shape[-1])), axis=axis)


class_token_weights = Function(
    name="class_token_weights",
    right=lambda q, k: all_weights(q, k)[:, 0, 1:].sum(axis=0) / len(q),
    example=lambda rng: tuple(rng.normal(size=(2, 3, 7, 5))),
    cases=st.tuples(arrays_of(2, 3, 2, largest=30), arrays_of(2, 3, 2, largest=30)),
    hints=(
        "Only one query is needed of each head: q[:, 0], the class token's.",
        "Its scores are its products with all keys of its head, over √d: (n_head, 1 + N).",
        "The softmax of each head runs over all of these, the class token's own key included.",
        "Then leave out the first, [:, 1:], and take the mean over the heads, axis 0.",
    ),
)


@class_token_weights.mistake(
    "The class token's own weight is still there: leave out the first, so that N are left."
)
def own_weight_kept(q, k):
    return all_weights(q, k)[:, 0].mean(axis=0)


@class_token_weights.mistake(
    "The class token's own key is left out before the softmax, so that the patches share all of "
    "the weight. It looks at itself too: leave its weight out afterwards."
)
def own_key_left_out(q, k):
    scores = np.einsum("hd,hjd->hj", q[:, 0], k[:, 1:]) / np.sqrt(q.shape[-1])
    return softmax(scores).mean(axis=0)


@class_token_weights.mistake(
    "The weights are divided by their sum again. They may sum to less than 1: the rest is what "
    "the class token gives to itself."
)
def summing_to_one(q, k):
    looks = all_weights(q, k)[:, 0, 1:].mean(axis=0)
    return looks / looks.sum()


@class_token_weights.mistake("The scores are not divided by √d, d the features of one head.")
def without_root(q, k):
    return all_weights(q, k, root=1.0)[:, 0, 1:].mean(axis=0)


@class_token_weights.mistake("The scores are divided by d; it is its root, √d.")
def divided_by_d(q, k):
    return all_weights(q, k, root=q.shape[-1])[:, 0, 1:].mean(axis=0)


@class_token_weights.mistake(
    "The root is of the features of all heads together; each head has d, the last axis of q."
)
def root_of_all_heads(q, k):
    return all_weights(q, k, root=np.sqrt(len(q) * q.shape[-1]))[:, 0, 1:].mean(axis=0)


@class_token_weights.mistake("The heads are summed; take their mean.")
def sum_of_heads(q, k):
    return all_weights(q, k)[:, 0, 1:].sum(axis=0)


@class_token_weights.mistake("Each head stands for itself, (n_head, N): take their mean, axis 0.")
def heads_kept(q, k):
    return all_weights(q, k)[:, 0, 1:]


@class_token_weights.mistake("These are the largest weights of any head; take the mean of all.")
def largest_of_heads(q, k):
    return all_weights(q, k)[:, 0, 1:].max(axis=0)


@class_token_weights.mistake("This is the first head alone; take the mean of all.")
def first_head(q, k):
    return all_weights(q, k)[0, 0, 1:]


@class_token_weights.mistake(
    "The mean is taken of the scores, before the softmax: each head has a softmax of its own."
)
def mean_of_scores(q, k):
    scores = (q @ k.swapaxes(1, 2)).mean(axis=0) / np.sqrt(q.shape[-1])
    return softmax(scores)[0, 1:]


@class_token_weights.mistake(
    "This is how much each patch looks at the class token, the first column. How much the class "
    "token looks at each patch is the first row."
)
def looked_at(q, k):
    return all_weights(q, k)[:, 1:, 0].mean(axis=0)


@class_token_weights.mistake(
    "q and k are exchanged: the class token asks, with q[:, 0]; the others answer, with k."
)
def exchanged(q, k):
    return all_weights(k, q)[:, 0, 1:].mean(axis=0)


@class_token_weights.mistake(
    "The softmax runs over the queries: it should share the class token's weight among the keys."
)
def over_queries(q, k):
    return all_weights(q, k, axis=1)[:, 0, 1:].mean(axis=0)


@class_token_weights.mistake("This is what the last patch looks at; the class token comes first.")
def last_query(q, k):
    return all_weights(q, k)[:, -1, 1:].mean(axis=0)


@class_token_weights.mistake(
    "This is what all look at, in the mean; only the class token's row is wanted, [:, 0]."
)
def mean_of_queries(q, k):
    return all_weights(q, k)[:, :, 1:].mean(axis=(0, 1))


@class_token_weights.mistake("The softmax is missing: scores are no weights yet.")
def without_softmax(q, k):
    scores = q[:, :1] @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1])
    return scores[:, 0, 1:].mean(axis=0)


@class_token_weights.swap
def wipe_out(class_token_weights):
    """Three of nine patches are wiped out: those that it looks at most, or least."""
    reader = learn(Reader(right_cut))
    images, labels = digits(np.random.default_rng(1), 200)
    with mt.no_grad():
        attention = reader.block.self_attn
        packed = F.linear(
            reader.block.norm1(reader.rows(images)),
            attention.in_proj_weight,
            attention.in_proj_bias,
        ).data.reshape(len(images), 1 + PLACES, 3, 2, WIDTH // 2)
        q, k, _ = packed.astype(float).transpose(2, 0, 3, 1, 4)
        looks = np.array([class_token_weights(*pair) for pair in zip(q, k, strict=True)])
        read = []
        for order in (looks.argsort(axis=1)[:, ::-1], looks.argsort(axis=1)):
            patches = right_cut(images, PATCH)
            np.put_along_axis(patches, order[:, :3, None], 0, axis=1)
            reader.cut = lambda images, size, patches=patches: patches
            read.append(np.mean(reader(images).data.argmax(axis=1) == labels))
    assert read[0] < read[1] - 0.1, (
        f"Without the three patches that it should look at most a ViT reads {read[0]:.0%} of "
        f"digits, without the three it looks at least {read[1]:.0%}: the first should be fewer."
    )
    return (
        f"A ViT reads {read[0]:.0%} of digits without the three patches that it looks at most, "
        f"{read[1]:.0%} without the three it looks at least."
    )
