# %% [markdown]
# # 16 Vision transformer
#
# A transformer reads a row of vectors. Cut an image into squares, and each is one: nothing else
# has to change. This lesson builds a ViT by hand, takes its positions away, and looks at what it
# looks at. (Dosovitskiy et al. 2020, "An image is worth 16 × 16 words".)

# %%
import numpy as np
from matplotlib import pyplot as plt

import minitransformer as mt
from minitransformer import functional as F
from minitransformer.models import ViT, ViTConfig
from pictures import save

SIZE, GRID = 7, 4  # pixels along a patch, patches along an image
CONFIG = ViTConfig(in_channels=1, image_size=(28, 28), num_classes=10, patch_size=SIZE)

# %% [markdown]
# ## Patches are words
#
# Of MNIST's 5,000 images here, 4,000 are learned from and 1,000 are held out. An image of 28 × 28
# becomes 16 patches of 7 × 7, read as a page is. `reshape` alone would take 49 pixels in a row, one
# and three quarter lines of the image: two of its axes have to change places.

# %%
images, labels = mt.data.mnist(download=True)
images = images.astype(np.float32) / 255
(x, y), (x_test, y_test) = mt.data.split(images, labels, held_out=0.2, seed=0)


def cut(images):
    """(B, 28, 28) -> (B, 16, 49)"""
    squares = images.reshape(-1, GRID, SIZE, GRID, SIZE).transpose(0, 1, 3, 2, 4)
    return squares.reshape(-1, GRID * GRID, SIZE * SIZE)


def join(patches):
    """(B, 16, 49) -> (B, 28, 28): the way back."""
    squares = patches.reshape(-1, GRID, GRID, SIZE, SIZE).transpose(0, 1, 3, 2, 4)
    return squares.reshape(-1, GRID * SIZE, GRID * SIZE)


patches = cut(x_test)
assert np.array_equal(patches[0, 6], x_test[0, 7:14, 14:21].ravel())  # row 1, column 2
assert np.array_equal(join(patches), x_test)


def show(name, rows, **size):
    """A picture with a row of images for each label."""
    figure, axes = plt.subplots(len(rows), len(next(iter(rows.values()))), **size)
    for line, (label, row) in zip(axes, rows.items(), strict=True):
        line[0].set_ylabel(label)
        for axis, image in zip(line, row, strict=True):
            axis.imshow(image, cmap="gray_r", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(True)
    save(figure, name)


rows = {"patches": patches[0], "reshaped": x_test[0]}
show("16/patches.png", {k: v.reshape(16, 7, 7) for k, v in rows.items()}, figsize=(10, 1.6))

# %% [markdown]
# ## The whole model by hand
#
# One linear layer makes 64 features of a patch's 49 pixels. (It slides a 7 × 7 kernel in steps of
# 7: a convolution.) In front stands a **class token**, a learned vector that belongs to no patch:
# it is there to gather what the others tell, and the answer is read from it alone. Each place has a
# learned **position**, added on. The rest is lesson 12.


# %%
def by_hand(model, images):
    """Logits, (B, 10)."""
    state = {name: value.data for name, value in model.state_dict().items()}
    embedded = cut(images) @ state["patch_embedding.weight"].T + state["patch_embedding.bias"]
    token = np.broadcast_to(state["class_token"], (len(images), 1, 64))
    rows = np.concatenate([token, embedded], axis=1) + state["positions.weight"]
    for block in model.blocks:
        rows = block(mt.tensor(rows)).data
    return model.head(model.norm(mt.tensor(rows[:, 0]))).data


mt.manual_seed(0)
model = ViT(CONFIG)
with mt.no_grad():
    assert np.allclose(by_hand(model, x_test[:20]), model(x_test[:20, None]).data, atol=1e-4)
    first = model.patch_embedding
    slid = F.conv2d(x_test[:1, None], first.weight.reshape(64, 1, 7, 7), first.bias, stride=SIZE)
    assert np.allclose(slid.data.reshape(64, 16).T, first(mt.tensor(patches[0])).data, atol=1e-5)
print(f"the {model.num_parameters():,} parameters of a ViT, by hand: the same logits")

# %% [markdown]
# ## Why positions matter
#
# Attention takes means over a set, so without positions an image is a **bag of patches**. Three
# models learn the same ten epochs, from images moved by up to two pixels: one as above; one without
# positions; one that never sees a whole digit, for the patches of **all** its images are dealt out
# in one and the same wrong order.

# %%
ORDER = np.random.default_rng(3).permutation(GRID * GRID)


def shuffled(images):
    return join(cut(images)[:, ORDER])


def accuracy(model, images):
    with mt.no_grad(), mt.nn.evaluating(model):
        return np.mean(model(images[:, None]).data.argmax(axis=1) == y_test)


def train(positions=True, see=np.copy, epochs=10, seed=0):
    mt.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = ViT(CONFIG)
    if not positions:
        model.positions = mt.nn.Sequential()  # no layers: what goes in comes out
    optimizer = mt.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.05)
    schedule = mt.optim.CosineLR(optimizer, epochs * 80, warmup_steps=80)
    for _ in range(epochs):
        for rows in rng.permutation(len(x)).reshape(-1, 50):
            batch = see(mt.data.augment.shift(x[rows], rng, most=2))
            optimizer.zero_grad()
            F.cross_entropy(model(batch[:, None]), y[rows]).backward()
            optimizer.step()
            schedule.step()
    return model


MODELS = {"with positions": train(), "without positions": train(positions=False)}
MODELS["learned from shuffled"] = train(see=shuffled)
read = {k: [accuracy(model, x) for x in (x_test, shuffled(x_test))] for k, model in MODELS.items()}
print(f"of {len(y_test)} held-out images read:  as they are   shuffled")
for name, (whole, in_pieces) in read.items():
    print(f"{name:<31} {whole:10.1%} {in_pieces:10.1%}")

# %% [markdown]
# The first reads digits, and is lost when they are shuffled. The second cannot tell the difference.
# The third is as good as the first at what nobody can read: to a transformer, which patch lies
# beside which is no more than a name, learned from the data. A convolution knows it beforehand;
# that is why a ViT needs more data, or images that were moved about.

# %%
rows = {"as it is": x_test[:8], "shuffled": shuffled(x_test[:8])}
show("16/shuffled.png", rows, figsize=(9, 2.5))
usual, bag, puzzle = read.values()
assert usual[0] > 0.92 and usual[1] < 0.4 and puzzle[1] > 0.92 and puzzle[0] < 0.4
assert abs(bag[0] - bag[1]) < 0.003 and bag[0] < usual[0] - 0.05

# %% [markdown]
# ## What the class token looks at
#
# Its query meets the key of every patch: 16 weights a head, in each layer. Drawn is the mean of the
# four heads; white is no weight at all.

# %%
model = MODELS["with positions"]
weights = model.class_attention(x_test[:, None])  # (1000, layers, heads, 16)
chosen = [np.flatnonzero(y_test == digit)[0] for digit in (0, 2, 4, 7, 8)]
figure, axes = plt.subplots(2, 5, figsize=(9, 3.8))
for layer, row in enumerate(axes):
    for axis, n in zip(row, chosen, strict=True):
        seen = weights[n, layer].mean(axis=0).reshape(GRID, GRID)
        axis.imshow(seen, cmap="Oranges", extent=(0, 28, 28, 0), vmin=0, vmax=0.3)
        axis.imshow(1 - x_test[n], cmap="gray", extent=(0, 28, 28, 0), alpha=x_test[n])
        axis.axis("off")
    row[0].set_title(f"layer {layer + 1}", loc="left")
save(figure, "16/attention.png")

# %% [markdown]
# Does it need what it looks at? Wipe patches out, the most looked at first, or the least, or any,
# and count the digits that it still reads: it needs them more than others. But most ink is needed
# more still, and that is a guide which knows nothing of the model. Where a model looks is not yet
# why it answers: lesson 22.

# %%
looked = weights.mean(axis=(1, 2))
orders = {"most looked at": -looked, "most ink": -patches.sum(axis=2)}
orders |= {"any": np.random.default_rng(0).random(looked.shape), "least looked at": looked}
at_four, (figure, axis) = {}, plt.subplots(figsize=(7, 3.6))
for name, by in orders.items():
    rank = by.argsort(axis=1).argsort(axis=1)[:, :, None]
    left = [accuracy(model, join(patches * (rank >= k))) for k in range(13)]
    at_four[name] = left[4]
    print(f"4 of 16 patches wiped out, {name:>15} first: {left[4]:.1%} still read")
    axis.plot(left, "o-", label=name)
axis.set(xlabel="patches wiped out, of 16", ylabel="read, of 1,000 held out", ylim=(0, 1))
axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
save(figure, "16/wiped.png")
assert at_four["most ink"] < at_four["most looked at"] < at_four["least looked at"] - 0.3

# %% [markdown]
# ## Your turn
#
# `python -m lessons check 16` checks what you write in `exercises/16_vision_transformer.py`.
