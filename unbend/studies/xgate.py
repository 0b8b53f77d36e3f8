"""Does a gate that may leave the range from 0 to 1 predict text better?"""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from unbend.activations import (
    ATGLU,
    ATLU,
    GELU,
    GLU,
    XATGLU,
    XATLU,
    XGEGLU,
    XGELU,
    SiLU,
    SwiGLU,
    XSiLU,
    XSwiGLU,
    matched_hidden,
)  # fmt: skip
from unbend.data import Dataset
from unbend.models import small_block_decoder, small_decoder
from unbend.study import LOSS, MS_PER_STEP, Arm, Claim, Metric, Steps, Study, next_token


def expansion(model: nn.Module, data: Dataset) -> dict[str, float]:
    """By how much the gates have learned to leave the range, on average over the blocks."""
    learned = [parameter.detach().mean() for name, parameter in model.named_parameters() if name.split(".")[-1] == "a"]
    return {"expansion": float(torch.stack(learned).mean()) if learned else 0.0}


def gated(width: int, hidden: int, block: Callable[..., nn.Module], **settings: Any) -> nn.Module:
    """A block of three matrices with the parameters of a plain one."""
    return block(width, matched_hidden(hidden), **settings)


EXPANSION = Metric("expansion", "higher")
NOTES = (
    "The paper trains GPT-like models on OpenWebText2 and finds xatlu ahead of xgelu and xsilu, these ahead of gelu "
    "and silu; expanded gates of first order ahead of plain ones and level with second order, where expansion gains "
    "nothing. Here two layers read characters; losses are in nats a character. Gains of that size can be a few "
    "thousandths, which is the margin; eight seeds may not resolve them."
)

main = Study(
    name="xgate",
    question="Do bends whose gate may leave the range from 0 to 1 predict text better than those they expand?",
    data=["stdlib-text"],
    arms={"gelu": GELU, "silu": SiLU, "atlu": ATLU, "xgelu": XGELU, "xsilu": XSiLU, "xatlu": XATLU},
    trial=next_token(small_decoder, width=32, batch=16, lr=3e-3, probe=expansion),
    budget=Steps(300),
    claims=[
        Claim("xgelu loses less than gelu", "loss", "xgelu", "<", "gelu", 0.003),
        Claim("xsilu loses less than silu", "loss", "xsilu", "<", "silu", 0.003),
        Claim("xatlu loses less than gelu", "loss", "xatlu", "<", "gelu", 0.003),
        Claim("xatlu loses less than atlu", "loss", "xatlu", "<", "atlu", 0.003),
        Claim("xatlu loses no more than xgelu", "loss", "xatlu", "<=", "xgelu", 0.003),
        Claim("the arctangent's gate learns to reach beyond 0 and 1", "expansion", "xatlu", ">", "atlu", 0.01),
        Claim("so does that of gelu", "expansion", "xgelu", ">", "gelu", 0.01),
    ],
    metrics=(LOSS, EXPANSION, MS_PER_STEP),
    minutes=6,
    paper="xgate",
    reference="gelu",
    baselines=("gelu", "silu"),
    notes=NOTES,
)

blocks = Study(
    name="xgate-glu",
    question="Do gated feed-forward blocks predict text better with a gate that may leave the range from 0 to 1?",
    data=["stdlib-text"],
    arms={
        "glu": Arm(gated, {"block": GLU}),
        "swiglu": Arm(gated, {"block": SwiGLU}),
        "atglu": Arm(gated, {"block": ATGLU}),
        "xatglu": Arm(gated, {"block": XATGLU}),
        "xgeglu": Arm(gated, {"block": XGEGLU}),
        "xswiglu": Arm(gated, {"block": XSwiGLU}),
        "xswiglu 2": Arm(gated, {"block": XSwiGLU, "order": 2}),
    },
    trial=next_token(small_block_decoder, width=32, batch=16, lr=3e-3, probe=expansion),
    budget=Steps(300),
    claims=[
        Claim("first order gains by expansion: xswiglu loses less than glu", "loss", "xswiglu", "<", "glu", 0.003),
        Claim("and xatglu less than atglu", "loss", "xatglu", "<", "atglu", 0.003),
        Claim("expanded first order is level with second order", "loss", "xswiglu", "<=", "swiglu", 0.01),
        Claim("second order gains nothing by expansion", "loss", "swiglu", "<=", "xswiglu 2", 0.003),
        Claim("xatglu loses no more than xgeglu", "loss", "xatglu", "<=", "xgeglu", 0.003),
        Claim("the gate of xswiglu learns to reach beyond 0 and 1", "expansion", "xswiglu", ">", "glu", 0.01),
    ],
    metrics=(LOSS, EXPANSION, MS_PER_STEP),
    minutes=6,
    paper="xgate",
    reference="glu",
    baselines=("glu", "swiglu"),
    notes=NOTES,
)
