"""Are gated feed-forward blocks better than plain ones in a transformer of text?"""

from collections.abc import Callable
from typing import Any

from torch import nn

from unbend.activations import GEGLU, GELU, GLU, Bilinear, ReGLU, ReLU, SwiGLU, matched_hidden
from unbend.models import small_block_decoder
from unbend.study import LOSS, MS_PER_STEP, OPERATIONS, PARAMETERS, Arm, Claim, Steps, Study, next_token


def plain(width: int, hidden: int, bend: Callable[[], nn.Module]) -> nn.Module:
    """The block of two matrices, without biases."""
    return nn.Sequential(nn.Linear(width, hidden, bias=False), bend(), nn.Linear(hidden, width, bias=False))


def gated(width: int, hidden: int, block: Callable[..., nn.Module], **settings: Any) -> nn.Module:
    """The block of three matrices, as narrow as it must be to have as many parameters."""
    return block(width, matched_hidden(hidden), **settings)


main = Study(
    name="glu-variants",
    question="At equal parameters and work, do gated feed-forward blocks predict text better than plain ones?",
    data=["stdlib-text"],
    arms={
        "relu": Arm(plain, {"bend": ReLU}),
        "gelu": Arm(plain, {"bend": GELU}),
        "glu": Arm(gated, {"block": GLU}),
        "bilinear": Arm(gated, {"block": Bilinear}),
        "reglu": Arm(gated, {"block": ReGLU}),
        "geglu": Arm(gated, {"block": GEGLU}),
        "swiglu": Arm(gated, {"block": SwiGLU}),
    },
    trial=next_token(small_block_decoder, width=32, batch=16, lr=3e-3),
    budget=Steps(300),
    claims=[
        Claim("geglu loses less than relu", "loss", "geglu", "<", "relu", 0.01),
        Claim("geglu loses less than gelu", "loss", "geglu", "<", "gelu", 0.01),
        Claim("swiglu loses less than relu", "loss", "swiglu", "<", "relu", 0.01),
        Claim("reglu loses less than relu", "loss", "reglu", "<", "relu", 0.01),
        Claim("bilinear loses less than relu", "loss", "bilinear", "<", "relu", 0.01),
        Claim("glu loses less than relu", "loss", "glu", "<", "relu", 0.01),
        Claim("geglu loses no more than swiglu", "loss", "geglu", "<=", "swiglu", 0.01),
    ],
    metrics=(LOSS, PARAMETERS, OPERATIONS, MS_PER_STEP),
    minutes=6,
    paper="glu-variants",
    reference="relu",
    baselines=("relu", "gelu"),
    notes="From memory, the paper's held-out log-perplexity of T5 base on C4: relu 1.677, gelu 1.679, glu 1.663, "
    "bilinear 1.648, reglu 1.645, swiglu 1.636, geglu 1.633. Here two layers read characters; losses are in nats a "
    "character, and a gain counts from a hundredth of a nat. Widths follow the two-thirds rule.",
)
