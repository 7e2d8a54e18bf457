"""Optimizers, learning-rate schedules, and clipping."""

from minitransformer.optim.clipping import clip_grad_norm_
from minitransformer.optim.optimizer import Optimizer
from minitransformer.optim.optimizers import SGD, Adagrad, Adam, AdamW, RMSprop
from minitransformer.optim.schedules import CosineLR, Schedule, StepLR
