"""Layers against PyTorch's: the same weights give the same results and gradients."""

import numpy as np
import pytest

import minitransformer as mt
from minitransformer import functional as F
from minitransformer import nn

torch = pytest.importorskip("torch")

B, T, S, D, HEADS = 2, 5, 7, 12, 3


def assert_close(ours, theirs):
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-9, atol=1e-12)


def twins(ours, theirs):
    """Both in float64, and ours with their weights."""
    theirs = theirs.double()
    ours.to("float64").load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    return ours, theirs


def assert_equal_passes(ours, theirs, *shapes, run=None, **options):
    """The result and every gradient, of inputs and parameters, under a random upstream one."""
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape) for shape in shapes]
    xs = [mt.tensor(x, requires_grad=True) for x in arrays]
    txs = [torch.tensor(x, requires_grad=True) for x in arrays]
    y = ours(*xs, **options)
    ty = (run or theirs)(*txs)
    assert_close(y.detach().numpy(), ty)
    dy = rng.standard_normal(y.shape)
    y.backward(dy)
    ty.backward(torch.tensor(dy))
    for x, tx in zip(xs, txs, strict=True):
        assert_close(x.grad, tx.grad)
    gradients = {name: p.grad for name, p in theirs.named_parameters()}
    for name, p in ours.named_parameters():
        assert_close(p.grad, gradients[name])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (nn.Linear(D, 4), torch.nn.Linear(D, 4)),
        (nn.Linear(D, 4, bias=False), torch.nn.Linear(D, 4, bias=False)),
        (nn.LayerNorm(D, eps=1e-6), torch.nn.LayerNorm(D, eps=1e-6)),
        (nn.LayerNorm((T, D), bias=False), torch.nn.LayerNorm((T, D), bias=False)),
        (
            nn.LayerNorm(D, elementwise_affine=False),
            torch.nn.LayerNorm(D, elementwise_affine=False),
        ),
        (nn.RMSNorm(D, eps=1e-3), torch.nn.RMSNorm(D, eps=1e-3)),
        (nn.ReLU(), torch.nn.ReLU()),
        (nn.GELU(), torch.nn.GELU()),
        (nn.GELU("tanh"), torch.nn.GELU("tanh")),
        (nn.SiLU(), torch.nn.SiLU()),
        (nn.Sigmoid(), torch.nn.Sigmoid()),
        (nn.Tanh(), torch.nn.Tanh()),
        (nn.Flatten(), torch.nn.Flatten()),
    ],
    ids=lambda layer: str(layer)[:40],
)
def test_layer(ours, theirs):
    assert_equal_passes(*twins(ours, theirs), (B, T, D))


@pytest.mark.parametrize(
    ("name", "arguments", "options"),
    [
        ("Conv2d", (4, 6, 3), {}),
        ("Conv2d", (4, 6, (3, 2)), {"stride": 2, "padding": (1, 0), "dilation": 2, "groups": 2}),
        ("Conv2d", (4, 6, 1), {"bias": False}),
        ("ConvTranspose2d", (4, 6, 3), {"stride": 2, "padding": 1, "output_padding": 1}),
        ("ConvTranspose2d", (4, 6, (4, 2)), {"bias": False}),
        ("MaxPool2d", (2,), {}),
        ("MaxPool2d", (3, 2), {"padding": 1}),
        ("AvgPool2d", ((2, 3),), {"stride": 1, "padding": (1, 0)}),
        ("Upsample", (), {"scale_factor": 2}),
    ],
)
def test_layer_for_images(name, arguments, options):
    ours, theirs = (getattr(library, name)(*arguments, **options) for library in (nn, torch.nn))
    assert_equal_passes(*twins(ours, theirs), (B, 4, 7, 9))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 5), (4, 3, 5, 2)], ids=str)
def test_batch_norm(shape, affine, training):
    kind = "BatchNorm2d" if len(shape) == 4 else "BatchNorm1d"
    options = {"eps": 1e-3, "momentum": 0.3, "affine": affine}
    pair = getattr(nn, kind)(3, **options), getattr(torch.nn, kind)(3, **options)
    ours, theirs = twins(*pair)
    for _ in range(2):  # the second has statistics to begin with
        ours.train(training), theirs.train(training)
        assert_equal_passes(ours, theirs, shape)
        ours.zero_grad(), theirs.zero_grad()
    for name, value in theirs.state_dict().items():
        assert_close(ours.state_dict()[name].numpy(), value)


def test_embedding():
    ours, theirs = twins(nn.Embedding(9, D), torch.nn.Embedding(9, D))
    indices = np.array([[0, 8, 3], [3, 3, 1]])
    y, ty = ours(indices), theirs(torch.tensor(indices))
    assert_close(y.detach().numpy(), ty)
    (y * y).sum().backward()
    ty.pow(2).sum().backward()
    assert_close(ours.weight.grad, theirs.weight.grad)


def attention(bias=True):
    theirs = torch.nn.MultiheadAttention(D, HEADS, bias=bias, batch_first=True)
    return twins(nn.MultiHeadAttention(D, HEADS, bias=bias), theirs)


def torch_mask(allowed):
    """PyTorch's boolean masks are True where a query may not look."""
    return torch.tensor(~allowed)


@pytest.mark.parametrize("bias", [True, False])
def test_self_attention(bias):
    ours, theirs = attention(bias)
    assert_equal_passes(ours, theirs, (B, T, D), run=lambda x: theirs(x, x, x)[0])


def test_causal_attention():
    ours, theirs = attention()
    mask = torch_mask(np.tri(T, dtype=bool))
    assert_equal_passes(
        ours,
        theirs,
        (B, T, D),
        run=lambda x: theirs(x, x, x, attn_mask=mask)[0],
        is_causal=True,
    )


@pytest.mark.parametrize("kind", ["boolean", "floating"])
def test_masked_cross_attention(kind):
    allowed = np.random.default_rng(1).random((T, S)) < 0.6
    allowed[:, 0] = True
    penalty = np.where(allowed, 0.0, -1.5)
    mask = allowed if kind == "boolean" else penalty
    theirs_mask = torch_mask(allowed) if kind == "boolean" else torch.tensor(penalty)
    ours, theirs = attention()
    assert_equal_passes(
        ours,
        theirs,
        *[(B, T, D), (B, S, D), (B, S, D)],
        run=lambda q, k, v: theirs(q, k, v, attn_mask=theirs_mask)[0],
        attn_mask=mask,
    )


def test_padded_attention_and_its_weights():
    ours, theirs = attention()
    lengths = np.array([3, S])
    seen = np.arange(S) < lengths[:, None]
    x, memory = np.random.default_rng(2).standard_normal((2, B, S, D))
    y, weights = ours(
        mt.tensor(x), mt.tensor(memory), attn_mask=seen[:, None, None], need_weights=True
    )
    ty, tweights = theirs(
        torch.tensor(x),
        torch.tensor(memory),
        torch.tensor(memory),
        key_padding_mask=torch.tensor(~seen),
        average_attn_weights=False,
    )
    assert_close(y.detach().numpy(), ty)
    assert_close(weights.detach().numpy(), tweights)
    assert not weights.detach().numpy()[0, :, :, 3:].any()


def test_attention_refuses_a_mask_of_three_axes_and_a_value_without_a_key():
    layer, x = nn.MultiHeadAttention(D, HEADS), mt.randn(HEADS, T, D)
    with pytest.raises(ValueError, match=r"attn_mask should be .* got shape \(3, 5, 5\)"):
        layer(x, attn_mask=np.ones((HEADS, T, T), bool))
    with pytest.raises(ValueError, match="expected a key with the value"):
        layer(x, value=x)


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("causal", [True, False])
def test_transformer_block(norm_first, causal):
    theirs = torch.nn.TransformerEncoderLayer(
        D, HEADS, 3 * D, dropout=0.0, activation="gelu", batch_first=True, norm_first=norm_first
    )
    ours = nn.TransformerBlock(D, HEADS, mlp_ratio=3, causal=causal, norm_first=norm_first)
    ours, theirs = twins(ours, theirs)
    mask = torch_mask(np.tri(T, dtype=bool)) if causal else None
    assert_equal_passes(ours, theirs, (B, T, D), run=lambda x: theirs(x, src_mask=mask))


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("activation", ["gelu", "relu"])
def test_transformer_decoder_block(norm_first, activation):
    options = {"dropout": 0.0, "norm_first": norm_first, "activation": activation}
    theirs = torch.nn.TransformerDecoderLayer(
        D, HEADS, 3 * D, batch_first=True, layer_norm_eps=1e-3, **options
    )
    ours = nn.TransformerDecoderBlock(D, HEADS, mlp_ratio=3, eps=1e-3, **options)
    ours, theirs = twins(ours, theirs)
    later, real = torch_mask(np.tri(T, dtype=bool)), np.arange(S) < np.array([[3], [S]])
    assert_equal_passes(
        ours,
        theirs,
        *[(B, T, D), (B, S, D)],
        run=lambda x, memory: theirs(
            x, memory, tgt_mask=later, memory_key_padding_mask=torch_mask(real)
        ),
        memory_mask=nn.key_padding_mask(real),
    )


def test_causal_weights_look_back_only():
    x = mt.randn(B, T, D)
    _, weights = nn.MultiHeadAttention(D, HEADS)(x, is_causal=True, need_weights=True)
    weights = weights.detach().numpy()
    assert not np.triu(weights, 1).any()
    np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-5)


def test_a_block_drops_attention_weights_hidden_features_and_both_branches():
    block, x = nn.TransformerBlock(D, HEADS, mlp_ratio=3, dropout=0.3), mt.randn(B, T, D)
    shapes = []
    block.dropout.forward = lambda y: shapes.append(y.shape) or y
    assert not np.array_equal(block(x).detach().numpy(), block(x).detach().numpy())
    assert shapes[:3] == [(B, T, D), (B, T, 3 * D), (B, T, D)]
    block.eval()
    assert np.array_equal(block(x).detach().numpy(), block(x).detach().numpy())


def packed(x, lengths):
    options = {"batch_first": True, "enforce_sorted": False}
    return torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths), **options)


def everything(output, state):
    """Outputs and last states, (h_n) or (h_n, c_n), in one row."""
    states = state if isinstance(state, tuple) else (state,)
    return [x.reshape(-1) for x in (output, *states)]


class Whole(torch.nn.Module):
    """PyTorch's recurrent layer: outputs and last states in one row."""

    def __init__(self, layer, lengths):
        super().__init__()
        self.layer, self.lengths = layer, lengths

    def forward(self, x, *states):
        state = None if not states else states if len(states) > 1 else states[0]
        if self.lengths is None:
            return torch.cat(everything(*self.layer(x, state)))
        y, state = self.layer(packed(x, self.lengths), state)
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, batch_first=True, total_length=T)
        return torch.cat(everything(y, state))


@pytest.mark.parametrize("lengths", [None, [2, T, 1]], ids=["whole", "padded"])
@pytest.mark.parametrize("state", ["zeros", "given"])
@pytest.mark.parametrize(
    "options",
    [{}, {"num_layers": 2, "bidirectional": True}, {"num_layers": 2, "bias": False}],
    ids=["one", "stacked both ways", "stacked"],
)
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_recurrent_layers(kind, options, state, lengths):
    theirs = getattr(torch.nn, kind)(D, 4, batch_first=True, **options)
    ours, theirs = twins(getattr(nn, kind)(D, 4, **options), theirs)
    count = options.get("num_layers", 1) * (1 + options.get("bidirectional", False))
    states = (1 + (kind == "LSTM")) * (state == "given")

    def run(x, *start):
        start = None if not start else start if kind == "LSTM" else start[0]
        return F.concatenate(everything(*ours(x, start, lengths)))

    run.named_parameters = ours.named_parameters
    theirs = Whole(theirs, lengths)
    theirs.named_parameters = theirs.layer.named_parameters
    assert_equal_passes(run, theirs, (3, T, D), *[(count, 3, 4)] * states)
