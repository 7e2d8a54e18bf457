# %% [markdown]
# # 23 Adversarial network
#
# How does one learn to make pictures, when nobody can say how good a picture is? By a game of two
# networks: a **generator** makes pictures of noise, and a **discriminator** tells them from real
# ones. What the one learns, the other has to beat. (Goodfellow et al. 2014.) About 45 s; `--full`
# trains for 60 epochs instead of 12, in two or three minutes.

# %%
import sys

import numpy as np
from matplotlib import pyplot as plt

import minitransformer as mt
from minitransformer import functional as F
from minitransformer import nn
from minitransformer.training.adversarial import AdversarialTrainer, generator_loss, judge_samples
from pictures import save

EPOCHS, SEED = 60 if "--full" in sys.argv else 12, 0

# %% [markdown]
# ## The game, with numbers
#
# Real numbers are normal about 3. The generator adds a number, `shift`, to noise; the discriminator
# scores x by s = w·x + b, and takes it for real with probability σ(s) = 1 / (1 + e^−s).
#
# - The discriminator's loss is −log σ(s) of real numbers and −log(1 − σ(s)) of made ones. The
#   slopes in s are σ(s) − 1 and σ(s).
# - The generator wants to be taken for real. It could make log(1 − σ(s)) small, what its opponent
#   gains: the slope is −σ(s), which **vanishes** where made numbers are easily told, as at first.
#   So it makes −log σ(s) small: the same wish, but the slope is −(1 − σ(s)), largest there.


# %%
def sigmoid(s):
    return 1 / (1 + np.exp(-s))


def play(slope, rounds=150):
    """Where the generator's numbers are, round by round, if it learns from `slope`."""
    rng, shift, w, path = np.random.default_rng(SEED), -3.0, np.zeros(2), []
    for _ in range(rounds):
        real, made = rng.normal(size=100) + 3, rng.normal(size=100) + shift
        for x, is_real in ((real, 1), (made, 0)):
            ds = (sigmoid(w[0] * x + w[1]) - is_real) / len(x)
            w = w * [0.97, 1] - 0.5 * np.array([ds @ x, ds.sum()])  # forgetting ends circling
        shift -= 0.3 * np.mean(slope(w[0] * made + w[1])) * w[0]  # s depends on shift through w
        path.append(shift)
    return path


LOSSES = {
    "log(1 − σ(s))": (lambda s: np.log(1 - sigmoid(s)), lambda s: -sigmoid(s)),
    "−log σ(s)": (lambda s: -np.log(sigmoid(s)), lambda s: -(1 - sigmoid(s))),
}
s, rounds = np.linspace(-6, 6, 100), {}
figure, axes = plt.subplots(1, 2, figsize=(10, 3.4))
for name, (loss, slope) in LOSSES.items():
    assert mt.check_backward(loss, lambda dy, s, slope=slope: dy * slope(s), s[::9]).ok
    axes[0].plot(s, slope(s), label=name)
    axes[1].plot(path := play(slope))
    rounds[name] = next((i for i, shift in enumerate(path) if shift > 2), len(path))
    print(f"{name}: slope {slope(-6.0):.3f} at s = −6; above 2 in round {rounds[name]}")
axes[0].set(xlabel="score of what was made", ylabel="slope of the generator's loss")
axes[1].set(xlabel="round", ylabel="where the made numbers are")
axes[1].axhline(3, color="0.6", ls=":")
axes[0].legend()
save(figure, "23/slopes.png")
scores = mt.tensor(s, requires_grad=True)
generator_loss(scores).backward()
assert np.allclose(scores.grad, (sigmoid(s) - 1) / len(s))  # the package's, a mean
assert rounds["−log σ(s)"] < 0.7 * rounds["log(1 − σ(s))"]

# %% [markdown]
# ## From small to large
#
# Lesson 09's convolution makes maps smaller; a **transposed convolution** runs it backwards: each
# pixel puts its multiple of the kernel into a larger picture, and where kernels overlap they add.
# It is the very thing that leads a convolution's gradient back. Where the kernel is no multiple
# of the stride, some pixels get more than others: a chessboard is there before it has learned.


# %%
def conv_transpose2d(x, weight, stride, padding):
    """x (N, C, H, W), weight (C, O, k, k) -> (N, O, (H − 1)·stride + k − 2·padding, …)."""
    (n, _, height, width), (_, out, k, _) = x.shape, weight.shape
    y = np.zeros((n, out, (height - 1) * stride + k, (width - 1) * stride + k))
    for i, j in np.ndindex(height, width):
        there = np.s_[:, :, i * stride : i * stride + k, j * stride : j * stride + k]
        y[there] += np.einsum("nc,couv->nouv", x[:, :, i, j], weight)
    return y[:, :, padding : y.shape[2] - padding, padding : y.shape[3] - padding]


rng = np.random.default_rng(SEED)
x, weight, y = (rng.normal(size=size) for size in ((2, 3, 5, 4), (3, 6, 4, 4), (2, 6, 10, 8)))
larger = conv_transpose2d(x, weight, 2, 1)
assert np.allclose(larger, F.conv_transpose2d(x, weight, stride=2, padding=1).data)
assert np.isclose((F.conv2d(y, weight, stride=2, padding=1).data * x).sum(), (y * larger).sum())
for k in (3, 4):
    row = conv_transpose2d(np.ones((1, 1, 1, 6)), np.ones((1, 1, k, k)), 2, 1)[0, 0, 0]
    print(f"kernel {k}, stride 2: what each pixel of a row gets: {row.astype(int)}")
    assert len(set(row[1:-1])) == (2 if k == 3 else 1)

# %% [markdown]
# ## The game, with pictures
#
# The generator gets noise and a digit that it is asked for; the discriminator gets a picture and
# the digit it should be. 4,000 pictures of MNIST are the real ones. A CNN that has learned the same
# pictures will judge: does it take what was made for the digit asked for?

# %%
images, labels = mt.data.mnist(download=True)
images = images.astype(np.float32) / 255
(real, digits), (real_test, digits_test) = mt.data.split(images, labels, held_out=0.2, seed=0)
mt.manual_seed(SEED)
judge = nn.Sequential(
    *(nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
    *(nn.Conv2d(8, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
    *(nn.Flatten(), nn.Linear(16 * 7 * 7, 10)),
)
optimizer = mt.optim.Adam(judge.parameters(), lr=3e-3)
for rows in (r for _ in range(4) for r in rng.permutation(len(real)).reshape(-1, 50)):
    optimizer.zero_grad()
    F.cross_entropy(judge(mt.tensor(real[rows, None])), digits[rows]).backward()
    optimizer.step()


with mt.no_grad():
    named = judge(mt.tensor(real_test[:, None])).data.argmax(axis=1)
right = np.mean(named == digits_test)
print(f"the judge names {right:.1%} of {len(named)} real digits that it has not seen")
assert right > 0.93


def draw(name, rows):
    """Pictures side by side, for each label a row."""
    figure, axes = plt.subplots(len(rows), 1, figsize=(10, 0.64 * len(rows)))
    for axis, (label, pictures) in zip(axes, rows.items(), strict=True):
        axis.imshow(np.hstack(pictures), cmap="gray_r")
        axis.set(xticks=[], yticks=[], frame_on=False)
        axis.set_ylabel(label, rotation=0, ha="right", va="center")
    save(figure, name)


gan = mt.models.GAN(mt.models.GANConfig())
trainer = AdversarialTrainer(gan, real, digits, seed=SEED)
asked, noise = np.tile(np.arange(10), 2), gan.noise(20, seed=SEED)
history, shown = [], {"epoch 0": gan.generate(asked, noise)}
for epoch in range(1, EPOCHS + 1):
    losses = trainer.epoch()
    quality = judge_samples(gan, judge, real_test, digits_test)
    history.append([*losses, quality.accuracy])
    if epoch in (1, 2, 4, EPOCHS // 2, EPOCHS):
        shown[f"epoch {epoch}"] = gan.generate(asked, noise)
        print(
            f"epoch {epoch:2}: losses {losses.discriminator:.2f} and {losses.generator:.2f}; of "
            f"1,000 made, {quality.accuracy:.1%} are taken for the digit asked for, "
            f"{quality.classes} digits appear, and they differ {quality.spread:.0%} as much as real"
        )
assert quality.accuracy > 0.8 and quality.classes == 10 and quality.spread > 0.5

draw("23/samples.png", shown)

figure, axes = plt.subplots(1, 2, figsize=(10, 3.2))
epochs, columns = range(1, EPOCHS + 1), zip(*history, strict=True)
for name, undecided in (("discriminator", 2), ("generator", 1)):
    (line,) = axes[0].plot(epochs, next(columns), label=name)
    axes[0].axhline(undecided * np.log(2), color=line.get_color(), ls=":")
axes[0].set(xlabel="epoch", title="losses; dotted: where nobody can tell", ylim=(0, None))
axes[0].legend()
axes[1].plot(epochs, next(columns))
axes[1].set(xlabel="epoch", title="taken for the digit asked for", ylim=(0, 1))
save(figure, "23/losses.png")

# %% [markdown]
# Neither loss says how good the pictures are: each is measured against an opponent who learns too.
# So the judge is needed, and the eye. (What is made may be plainer, and easier to name, than real.)
#
# ## Between two noises
#
# Noise of 32 numbers has a length near √32: it lies near a sphere. A straight line between two
# noises cuts through the inside, where the generator has never been; the arc stays outside.

# %%
a, b = gan.noise(2, seed=4)
t = np.linspace(0, 1, 20, dtype=np.float32)[:, None]
angle = np.arccos(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
arc = (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)
middles = [np.linalg.norm(path[10]) / np.sqrt(32) for path in ((1 - t) * a + t * b, arc)]
print("length half-way, of √32: line {:.2f}, arc {:.2f}".format(*middles))
assert middles[0] < 0.85 * middles[1]
draw("23/between.png", {f"a {k}": gan.generate(np.full(20, k), arc) for k in (2, 3, 5, 8)})

# %% [markdown]
# ## Your turn
#
# `python -m lessons check 23` checks what you write in `exercises/23_adversarial_network.py`.
