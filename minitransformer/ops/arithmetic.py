"""Elementwise arithmetic. Shapes broadcast as in NumPy; the walk sums the gradients back."""

from typing import Any

from minitransformer.devices import array_module
from minitransformer.function import Function
from minitransformer.graph import Node


class Add(Function, name="add", broadcasts=True):
    """y = a + b: the gradient passes to both."""

    @staticmethod
    def forward(ctx: Node, a: Any, b: Any) -> Any:
        return a + b

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        return dy, dy


class Sub(Function, name="sub", broadcasts=True):
    """y = a - b: the gradient passes to a, and with the other sign to b."""

    @staticmethod
    def forward(ctx: Node, a: Any, b: Any) -> Any:
        return a - b

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        return dy, -dy if ctx.needs[1] else None


class Mul(Function, name="mul", broadcasts=True):
    """y = a b: each factor's gradient is the other factor."""

    @staticmethod
    def forward(ctx: Node, a: Any, b: Any) -> Any:
        ctx.save(a if ctx.needs[1] else None, b if ctx.needs[0] else None)
        return a * b

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        a, b = ctx.saved
        return dy * b if ctx.needs[0] else None, dy * a if ctx.needs[1] else None


class Div(Function, name="div", broadcasts=True):
    """y = a / b: dy/da = 1 / b, dy/db = -a / b² = -y / b."""

    @staticmethod
    def forward(ctx: Node, a: Any, b: Any) -> Any:
        y = a / b
        ctx.save(y if ctx.needs[1] else None, b)
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        y, b = ctx.saved
        da = dy / b
        return da, -da * y if ctx.needs[1] else None


class Neg(Function, name="neg"):
    """y = -x."""

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        return -x

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        return (-dy,)


class Pow(Function, name="pow", broadcasts=True):
    """y = a^b: dy/da = b a^(b-1), dy/db = y log a.

    Where a is 0 and b is not negative, y is flat in b, and its gradient there is 0.
    """

    @staticmethod
    def forward(ctx: Node, a: Any, b: Any) -> Any:
        y = a**b
        ctx.save(a, b, y if ctx.needs[1] else None)
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        a, b, y = ctx.saved
        xp = array_module(dy)
        da = db = None
        if ctx.needs[0]:
            # b = 0 is a constant: without `where`, 0 times 0^-1 would be NaN.
            da = dy * b * a ** xp.where(xp.asarray(b) == 0, 1, b - 1).astype(dy.dtype)
        if ctx.needs[1]:
            base = xp.asarray(a)
            flat = (base == 0) & (xp.asarray(b) >= 0)
            db = dy * y * xp.log(xp.where(flat, 1, base))
        return da, db


class Exp(Function, name="exp"):
    """y = e^x, its own derivative."""

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        y = array_module(x).exp(x)
        ctx.save(y)
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        return (dy * ctx.saved[0],)


class Log(Function, name="log"):
    """y = ln x: dy/dx = 1 / x."""

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        ctx.save(x)
        return array_module(x).log(x)

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        return (dy / ctx.saved[0],)


class Sqrt(Function, name="sqrt"):
    """y = √x: dy/dx = 1 / (2 y)."""

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        y = array_module(x).sqrt(x)
        ctx.save(y)
        return y

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        return (dy / (2 * ctx.saved[0]),)


class Abs(Function, name="abs"):
    """y = |x|: the sign of x, 0 at the kink."""

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        ctx.save(x)
        return abs(x)

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        (x,) = ctx.saved
        return (dy * array_module(x).sign(x),)


class Sin(Function, name="sin"):
    """y = sin x: dy/dx = cos x."""

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        ctx.save(x)
        return array_module(x).sin(x)

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        (x,) = ctx.saved
        return (dy * array_module(x).cos(x),)


class Cos(Function, name="cos"):
    """y = cos x: dy/dx = -sin x."""

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        ctx.save(x)
        return array_module(x).cos(x)

    @staticmethod
    def backward(ctx: Node, dy: Any) -> tuple:
        (x,) = ctx.saved
        return (-dy * array_module(x).sin(x),)
