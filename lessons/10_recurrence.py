# %% [markdown]
# # 10 Recurrence
#
# A sentence comes word by word, and may have any length. A recurrent network reads it as we do: it
# keeps a state, and each word changes that state, by the same weights at every step.

# %%
import numpy as np
from matplotlib import pyplot as plt

import minitransformer as mt
from minitransformer import functional as F
from minitransformer import nn
from minitransformer.text import WordTokenizer
from pictures import save

# %% [markdown]
# ## By hand
#
# h_t = tanh(W_ih x_t + W_hh h_{t−1} + b). Below, everything is a single number: a 1 comes, then
# nothing more, and with W_ih = 1 and W_hh = ½ the state rings on: tanh(1) = 0.762, tanh(½ · 0.762)
# = 0.363, tanh(½ · 0.363) = 0.180. That echo is all the memory there is.


# %%
def rnn(x, h0, weight_ih, weight_hh, bias):  # x (N, T, D) -> (N, T, H)
    states = [h0]
    for t in range(x.shape[1]):
        states.append(np.tanh(x[:, t] @ weight_ih.T + states[t] @ weight_hh.T + bias))
    return np.stack(states[1:], axis=1)


echo = rnn(np.eye(1, 3)[:, :, None], np.zeros((1, 1)), np.eye(1), np.eye(1) / 2, 0).ravel()
print("1, 0, 0 read one by one:", echo.round(3))
assert np.allclose(echo, [0.762, 0.363, 0.180], atol=5e-4)

# %% [markdown]
# ## Backward through time
#
# A state is used twice: it is the result of its step, and the next step begins with it. So go from
# the last step to the first, and carry along what the later steps say. The weights are used at
# every step: their gradients add up. W_hh met the state that **came** to the step, h_{t−1}.


# %%
def rnn_backward(dy, x, h0, weight_ih, weight_hh, bias):
    h = rnn(x, h0, weight_ih, weight_hh, bias)
    came, da, dh = np.concatenate([h0[:, None], h[:, :-1]], axis=1), np.empty_like(h), 0 * h0
    for t in reversed(range(x.shape[1])):
        da[:, t] = (dy[:, t] + dh) * (1 - h[:, t] ** 2)  # through tanh, to the sum inside
        dh = da[:, t] @ weight_hh
    dweights = [np.einsum("nth,ntk->hk", da, source) for source in (x, came)]
    return da @ weight_ih, dh, *dweights, da.sum(axis=(0, 1))


rng = np.random.default_rng(0)
given = [rng.normal(size=shape) for shape in ((3, 5, 7), (3, 2), (2, 7), (2, 2), (2,))]
assert mt.check_backward(rnn, rnn_backward, *given).ok
tensors = [mt.tensor(a, requires_grad=True) for a in given]
states, _ = F.rnn(*tensors, np.zeros(2))  # it has a second bias, as in PyTorch
states.backward(dy := rng.normal(size=states.shape))
assert all(map(np.allclose, rnn_backward(dy, *given), [tensor.grad for tensor in tensors]))

# %% [markdown]
# ## A memory with gates
#
# On its way back through k steps a gradient is multiplied k times by W_hh and by slopes of tanh. If
# that shrinks it, nothing arrives from afar: it **vanishes**; if not, it **explodes**. An LSTM has
# a second state, the cell c, which a gate alone multiplies: c' = f · c + i · g. Through k steps
# comes f · f · f …, all of it where f is near 1. At each step the network decides anew what to keep
# (f), what to write (i) and what to show (o): h' = o · tanh(c').


# %%
def lstm(x, h, c, weight_ih, weight_hh, bias):
    states = []
    for t in range(x.shape[1]):
        gates = x[:, t] @ weight_ih.T + h @ weight_hh.T + bias
        i, f, g, o = np.split(gates, 4, axis=1)  # in this order, as in PyTorch
        i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
        c = f * c + i * np.tanh(g)
        states.append(h := o * np.tanh(c))
    return np.stack(states, axis=1)


layer, x, start = nn.LSTM(7, 2).to("float64"), given[0], np.zeros((3, 2))
weight_ih, weight_hh, *biases = [p.data for p in layer.parameters()]
states, (last, _) = layer(mt.tensor(x))
by_hand = lstm(x, start, start, weight_ih, weight_hh, sum(biases))
assert np.allclose(states.data, by_hand) and np.allclose(last.data[0], by_hand[:, -1])

# Sentences differ in length: with `lengths`, the last state is not that of the padding.
states, (last, _) = layer(mt.tensor(x), lengths=[5, 2, 3])
assert np.allclose(last.data[0, 1], by_hand[1, 1]) and not states.data[1, 2:].any()
print("rnn, its backward pass and lstm by hand: the package gives the same")

# %% [markdown]
# ## How far a gradient reaches
#
# Measured: from the state after 100 random inputs back to each, in fresh layers of 64 features. The
# gates of a fresh LSTM are half open, and ½ · ½ · ½ … vanishes too! A bias of 3 opens the way: f is
# near σ(3) = 0.95. (The forget gate came late: Gers et al. 2000; a bias of 1 or more is usual.)

# %%
WIDTH = 64
noise, pull = (rng.normal(size=(32, *s, WIDTH)).astype(np.float32) for s in ([100], []))


def reach(kind, gain=1, forget=0):
    mt.manual_seed(0)
    layer, x = kind(WIDTH, WIDTH), mt.tensor(noise, requires_grad=True)
    layer.weight_hh_l0.data *= gain
    layer.bias_ih_l0.data[WIDTH : 2 * WIDTH] += forget  # an RNN has none there
    layer(x)[0][:, -1].backward(pull)
    return np.linalg.norm(x.grad, axis=(0, 2))[::-1]


layers = {"RNN": (nn.RNN,), "RNN, 5 W_hh": (nn.RNN, 5), "LSTM": (nn.LSTM,)}
far, (figure, axis) = {}, plt.subplots(figsize=(6.5, 3.8))
for name, setting in (layers | {"LSTM, forget bias 3": (nn.LSTM, 1, 3)}).items():
    norms = reach(*setting)
    far[name] = norms[50] / norms[0]
    print(f"{name:20} 50 steps back the gradient is {far[name]:.0e} of what it was")
    axis.semilogy(np.where(norms > 1e-16, norms, np.nan), label=name)
axis.set(xlabel="steps back", ylabel="norm of the gradient", ylim=(1e-16, 1e16))
axis.legend()
save(figure, "10/reach.png")
assert far["RNN"] < 1e-8 and far["LSTM"] < 1e-6 and 0.1 < far["LSTM, forget bias 3"] < 10
assert far["RNN, 5 W_hh"] > 1e3

# %% [markdown]
# ## Reading film reviews
#
# Sentences of Rotten Tomatoes, good or bad: 6,824 to learn from, 1,706 held out. Each word is a
# vector, a layer reads them in order, and its last state is judged. Gradients that explode are
# clipped. The mean of the words, in no order at all, says as much: the sentences are short.

# %%
SEED, FEATURES = 0, 48
texts, labels = mt.data.rotten_tomatoes(download=True)
(texts, labels), (texts_test, labels_test) = mt.data.split(texts, labels, held_out=0.2, seed=0)
tokenizer = WordTokenizer.train(texts, vocab_size=4000)
sentences, sentences_test = [[tokenizer.encode(t) for t in part] for part in (texts, texts_test)]


class Reader(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.words = nn.Embedding(tokenizer.vocab_size, FEATURES)
        nn.init.normal_(self.words.weight, std=0.1)
        self.layer = kind and kind(FEATURES, FEATURES)
        if kind is nn.LSTM:
            self.layer.bias_ih_l0.data[FEATURES : 2 * FEATURES] = 1  # remember, to begin with
        self.dropout, self.judge = nn.Dropout(0.5), nn.Linear(FEATURES, 2)

    def forward(self, ids, mask):
        words, lengths = self.dropout(self.words(ids)), mask.sum(axis=1)
        if self.layer is None:
            return self.judge(self.dropout(F.masked_mean(words, mask)))
        states, _ = self.layer(words, lengths=lengths)
        return self.judge(self.dropout(states[np.arange(len(ids)), lengths - 1]))


def fit(kind, epochs=5):
    mt.manual_seed(SEED)
    model, lengths = Reader(kind), [len(s) for s in sentences]
    optimizer = mt.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
    batches = mt.data.DataLoader(range(len(texts)), 64, shuffle=True, seed=SEED, lengths=lengths)
    for rows in (rows for _ in range(epochs) for rows in batches):
        ids, mask = mt.data.pad_sequences([sentences[i] for i in rows])
        optimizer.zero_grad()
        F.cross_entropy(model(ids, mask), labels[rows]).backward()
        mt.optim.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    scores = model.eval()(*mt.data.pad_sequences(sentences_test)).data
    return model, np.mean(scores.argmax(axis=1) == labels_test)


models, right = zip(*map(fit, (nn.LSTM, nn.RNN, None)), strict=True)
for name, share in zip(("LSTM", "RNN", "mean of the words"), right, strict=True):
    print(f"{name:18} {share:.1%} of {len(texts_test)} held-out sentences are judged right")
assert right[0] > 0.69 and right[0] > right[1]

# An LSTM has a verdict after each word. Shown is the sentence of 12 in which it turns the most.
ids = np.stack([s for s in sentences_test if len(s) == 12])
good = models[0].judge(models[0].layer(models[0].words(ids))[0]).softmax().data[:, :, 1]
shown = np.ptp(good, axis=1).argmax()
figure, axis = plt.subplots(figsize=(8, 3.2))
axis.plot(good[shown], "o-")
axis.set_xticks(range(12), [tokenizer.decode([i]) for i in ids[shown]], rotation=60)
axis.set(ylabel="probability of good", ylim=(0, 1), title="the verdict after each word")
save(figure, "10/verdict.png")

# %% [markdown]
# Each step has to wait for the one before it. Attention (lesson 11) looks at all words at once.
#
# ## Your turn
#
# `python -m lessons check 10` checks what you write in `exercises/10_recurrence.py`.
