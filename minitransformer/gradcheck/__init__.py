"""The gradient checker: it says not only that a backward pass is wrong, but why."""

from .check import check_backward
from .mistakes import known_mistakes
from .report import Cause, GradcheckError, Report
from .tensors import gradcheck

__all__ = ["Cause", "GradcheckError", "Report", "check_backward", "gradcheck", "known_mistakes"]
