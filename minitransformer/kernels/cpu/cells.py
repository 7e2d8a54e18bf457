"""One row of one step of each recurrent layer, forward and backward, as in ops/recurrent.py.

A loop writes one array only: LLVM then sees that it may use vectors.
"""

from minitransformer.kernels.cpu.runtime import helper
from minitransformer.kernels.cpu.vector_math import sigmoid, tanh


@helper
def rnn_row(gate, total, y):
    for j in range(y.size):
        gate[j] = tanh(gate[j] + total[j])
    for j in range(y.size):
        y[j] = gate[j]


@helper
def rnn_gradient(gate, dh, dgate):
    """The gradient of the sum inside tanh; dh is used up."""
    one = type(dh[0])(1)
    for j in range(dh.size):
        dgate[j] = dh[j] * (one - gate[j] * gate[j])
    for j in range(dh.size):
        dh[j] = 0


@helper
def lstm_row(gate, total, c, new_c, y):
    n = c.size
    i, f, g, o = gate[:n], gate[n : 2 * n], gate[2 * n : 3 * n], gate[3 * n :]
    for j in range(gate.size):
        gate[j] += total[j]
    for j in range(n):
        i[j] = sigmoid(i[j])
    for j in range(n):
        f[j] = sigmoid(f[j])
    for j in range(n):
        g[j] = tanh(g[j])
    for j in range(n):
        o[j] = sigmoid(o[j])
    for j in range(n):
        new_c[j] = f[j] * c[j] + i[j] * g[j]
    for j in range(n):
        y[j] = o[j] * tanh(new_c[j])


@helper
def lstm_gradient(gate, c, dh, dc, dgate, tanh_c):
    """The gradients of the sums inside the gates; dc becomes the old cell's, dh is used up."""
    n, one = c.size, type(c[0])(1)
    i, f, g, o = gate[:n], gate[n : 2 * n], gate[2 * n : 3 * n], gate[3 * n :]
    di, df, dg, do = dgate[:n], dgate[n : 2 * n], dgate[2 * n : 3 * n], dgate[3 * n :]
    for j in range(n):
        tanh_c[j] = tanh(f[j] * c[j] + i[j] * g[j])
    for j in range(n):
        do[j] = dh[j] * tanh_c[j] * o[j] * (one - o[j])
    for j in range(n):
        dc[j] += dh[j] * o[j] * (one - tanh_c[j] * tanh_c[j])
    for j in range(n):
        di[j] = dc[j] * g[j] * i[j] * (one - i[j])
    for j in range(n):
        df[j] = dc[j] * c[j] * f[j] * (one - f[j])
    for j in range(n):
        dg[j] = dc[j] * i[j] * (one - g[j] * g[j])
    for j in range(n):
        dc[j] *= f[j]
    for j in range(n):
        dh[j] = 0


@helper
def gru_row(gate, total, h, kept, y):
    n, one = h.size, type(h[0])(1)
    r, z, new = gate[:n], gate[n : 2 * n], gate[2 * n :]
    for j in range(2 * n):
        gate[j] = sigmoid(gate[j] + total[j])
    for j in range(n):
        kept[j] = total[2 * n + j]
    for j in range(n):
        new[j] = tanh(new[j] + r[j] * kept[j])
    for j in range(n):
        y[j] = (one - z[j]) * new[j] + z[j] * h[j]


@helper
def gru_gradient(gate, h, kept, dh, da, db):
    """The gradients of both sums; dh becomes what passes z straight to the old state."""
    n, one = h.size, type(h[0])(1)
    r, z, new = gate[:n], gate[n : 2 * n], gate[2 * n :]
    dr, dz, dn = da[:n], da[n : 2 * n], da[2 * n :]
    for j in range(n):
        dn[j] = dh[j] * (one - z[j]) * (one - new[j] * new[j])
    for j in range(n):
        dz[j] = dh[j] * (h[j] - new[j]) * z[j] * (one - z[j])
    for j in range(n):
        dr[j] = dn[j] * kept[j] * r[j] * (one - r[j])
    for j in range(2 * n):
        db[j] = da[j]
    for j in range(n):
        db[2 * n + j] = dn[j] * r[j]
    for j in range(n):
        dh[j] *= z[j]
