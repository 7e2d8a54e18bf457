"""The 27 lessons, in the order in which they build on each other."""

from pathlib import Path
from typing import NamedTuple

LESSONS = Path(__file__).resolve().parent.parent

PARTS = {
    1: "Gradients",
    9: "Before attention",
    11: "Transformers",
    18: "From model to application",
    25: "Speed",
}


class Lesson(NamedTuple):
    """One lesson; its files share one name, in four folders."""

    number: int
    name: str
    title: str
    outcome: str  # completes "you will be able to …"
    minutes: int

    @property
    def file_name(self) -> str:
        return f"{self.number:02d}_{self.name}.py"

    @property
    def script(self) -> Path:
        return LESSONS / self.file_name

    @property
    def exercises(self) -> Path:
        return LESSONS / "exercises" / self.file_name

    @property
    def solutions(self) -> Path:
        return LESSONS / "solutions" / self.file_name

    @property
    def checks(self) -> Path:
        return LESSONS / "checks" / self.file_name

    @property
    def is_here(self) -> bool:
        return self.script.is_file()


# name | minutes | title | outcome
TABLE = """\
gradient_descent | 30 | Gradient descent | walk down any slope, and see why a rate is too large
linear_regression | 35 | Linear regression | fit a line to data, by hand and by formula
autograd | 60 | Autograd | write an engine that differentiates programs, in 60 lines
gradient_checking | 35 | Gradient checking | prove a backward pass right, or find out why it is not
multilayer_perceptron | 45 | Multilayer perceptron | stack layers, and read handwritten digits
softmax_cross_entropy | 40 | Softmax and cross-entropy | turn scores into probabilities, and train
optimizers | 45 | Optimizers | write momentum, RMSprop and Adam, and choose among them
regularization | 40 | Regularization | tell learning from memorizing, and help the former
convolution | 50 | Convolution | slide a kernel over pictures, forward and backward
recurrence | 55 | Recurrence | read a sequence step by step, with an RNN and an LSTM
attention | 50 | Attention | let every position look at every other, with reasons for √d
transformer_block | 60 | The transformer block | assemble heads, positions, norms and residual paths
text_classifier | 45 | A text classifier | tell good film reviews from bad ones
gpt | 60 | GPT | train a language model, and write with it
bert | 55 | BERT | fill in masked words, and load pretrained weights
vision_transformer | 45 | Vision transformer | cut pictures into patches, and attend to them
translation | 60 | Translation | connect an encoder to a decoder
recommender | 45 | A recommender | rank what someone will take next, and measure it honestly
fine_tuning | 55 | Fine-tuning | pre-train, fine-tune, and follow instructions
low_rank_adaptation | 40 | Low-rank adaptation | adapt a model with a hundredth of its weights
compression | 50 | Compression | prune, quantize and distil a model
explanation | 50 | Explanation | say why a model answers as it does, and doubt it
adversarial_network | 50 | Adversarial network | train two networks against each other
deployment | 50 | Deployment | export, serve and watch a model, and compare two
kernels | 60 | Kernels | make an op as fast as the machine allows
gpu | 45 | GPU | move the same model to a graphics card
data_parallel | 45 | Data parallel | share one training run among processes
"""


def _read(table: str) -> tuple[Lesson, ...]:
    lessons = []
    for number, line in enumerate(table.splitlines(), start=1):
        name, minutes, title, outcome = line.split(" | ")
        lessons.append(Lesson(number, name, title, outcome, int(minutes)))
    return tuple(lessons)


CURRICULUM = _read(TABLE)


def part_of(lesson: Lesson) -> str:
    """The title of the part that a lesson belongs to."""
    return PARTS[max(first for first in PARTS if first <= lesson.number)]


def find_lesson(wanted: str) -> Lesson:
    """The lesson called so: "1", "01", "gradient_descent" or "01_gradient_descent"."""
    name = wanted.removesuffix(".py")
    for lesson in CURRICULUM:
        if name in (lesson.name, lesson.file_name.removesuffix(".py")):
            return lesson
        if name.isdecimal() and int(name) == lesson.number:
            return lesson
    raise ValueError(f"no lesson {wanted!r}: there are 01 to {len(CURRICULUM)}")
