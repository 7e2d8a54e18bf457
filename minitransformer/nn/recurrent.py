"""Recurrent layers, stacked and in both directions, with PyTorch's parameter names."""

from collections.abc import Callable
from typing import Any

from minitransformer import functional as F
from minitransformer.methods import data_of
from minitransformer.nn import init
from minitransformer.nn.layers import check_sizes, new
from minitransformer.nn.module import Module
from minitransformer.ops.checks import check_probability
from minitransformer.tensor import Tensor


class Recurrent(Module):
    """What RNN, LSTM and GRU share: layers on top of layers, each in one or both directions.

    Batches come first, as with PyTorch's batch_first=True. Layer k has weight_ih_lk,
    weight_hh_lk, bias_ih_lk and bias_hh_lk, and with "_reverse" after it those of the other
    direction. All start uniform within ±1/√hidden_size.

    Args:
        input_size: D, the features of each step.
        hidden_size: H, the features of the state.
        num_layers: layers; each reads the outputs of the one below.
        bias: have biases.
        dropout: probability, for the outputs of every layer but the last.
        bidirectional: a second state goes from the end to the beginning; outputs have 2 H
            features, those of the two directions side by side.
    """

    gates: int
    run: Callable[..., tuple]
    pair: bool = False  # whether the state is a pair (h, c)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        dropout: float = 0.0,
        bidirectional: bool = False,
    ) -> None:
        super().__init__()
        name, sizes = type(self).__name__, {"input_size": input_size, "hidden_size": hidden_size}
        check_sizes(name, **sizes, num_layers=num_layers)
        check_probability(name, dropout)
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.dropout, self.bidirectional = bias, dropout, bidirectional
        for layer in range(num_layers):
            features = input_size if layer == 0 else hidden_size * len(self._directions())
            for suffix in self._directions():
                self._add(f"l{layer}{suffix}", features)

    def _directions(self) -> tuple[str, ...]:
        return ("", "_reverse") if self.bidirectional else ("",)

    def _add(self, place: str, features: int) -> None:
        """The parameters of one layer in one direction."""
        rows, hidden = self.gates * self.hidden_size, self.hidden_size
        shapes = (rows, features), (rows, hidden), (rows,), (rows,)
        for kind, shape in zip(self._kinds(), shapes, strict=False):
            setattr(self, f"{kind}_{place}", init.fan_in_uniform_(new(*shape), hidden))

    def _kinds(self) -> tuple[str, ...]:
        """The parameters of one layer in one direction, as the functions take them."""
        return ("weight_ih", "weight_hh", *(("bias_ih", "bias_hh") if self.bias else ()))

    def forward(self, x: Tensor, state: Any = None, lengths: Any = None) -> tuple[Tensor, Any]:
        """Read sequences from beginning to end.

        Args:
            x: (B, T, D).
            state: h_0, or for the LSTM the pair (h_0, c_0), of the shape that h_n has; zeros by
                default.
            lengths: (B,) integers from 1 to T: how many steps of each sequence are real.

        Returns:
            The last layer's outputs, (B, T, H · directions), 0 beyond the real steps, and h_n,
            (layers · directions, B, H), the states after the last real step of each layer and
            direction: those of layer 0 first. For the LSTM the pair (h_n, c_n).
        """
        starts = self._starts(state)
        finals: list[list[Tensor]] = []
        for layer in range(self.num_layers):
            if layer > 0 and self.dropout > 0:
                x = F.dropout(x, self.dropout, self.training)
            outputs = []
            for suffix in self._directions():
                weights = [vars(self)[f"{kind}_l{layer}{suffix}"] for kind in self._kinds()]
                options = {"lengths": lengths, "reverse": bool(suffix)}
                output, *final = self.run(x, *starts[len(finals)], *weights, **options)
                outputs.append(output)
                finals.append(final)
            x = F.concatenate(outputs, axis=-1) if self.bidirectional else output
        last = tuple(F.stack(each) for each in zip(*finals, strict=True))
        return x, last if self.pair else last[0]

    def _starts(self, state: Any) -> list[tuple]:
        """For each layer and direction, the states before its first step."""
        count = self.num_layers * len(self._directions())
        if state is None:
            return [(None, None) if self.pair else (None,)] * count
        states = state if self.pair else (state,)
        shapes = [data_of(s).shape for s in states]
        if len(shapes) != 1 + self.pair or any(len(s) != 3 or s[0] != count for s in shapes):
            expected = f"{'(h_0, c_0), each' if self.pair else 'a state'} ({count}, B, H)"
            name, got = type(self).__name__, ", ".join(map(str, shapes))
            raise ValueError(f"{name}: expected {expected}, got shape {got}")
        return [tuple(s[i] for s in states) for i in range(count)]

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.num_layers > 1:
            text += f", num_layers={self.num_layers}"
        return text + (", bidirectional" if self.bidirectional else "")


class RNN(Recurrent):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh) at every step."""

    gates, run = 1, staticmethod(F.rnn)


class LSTM(Recurrent):
    """c' = f·c + i·g and h' = o·tanh c' at every step; the state is the pair (h, c).

    The weights hold those of i, f, g and o, one below the other.
    """

    gates, run, pair = 4, staticmethod(F.lstm), True


class GRU(Recurrent):
    """h' = (1 - z)·n + z·h at every step; the weights hold those of r, z and n."""

    gates, run = 3, staticmethod(F.gru)
