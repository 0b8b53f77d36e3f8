"""Linear attention with learned kernels: associative recall as it grows harder, and the next character of English."""

from functools import partial
from typing import Any

from torch import Tensor, nn

from unbend.data import Mqar
from unbend.mixers import (
    BasedAttention,
    CausalLambda,
    LinearAttention,
    Mamba,
    ReBasedAttention,
    ShortConv,
    SoftmaxAttention,
)
from unbend.models import any_size, small_mixer_decoder
from unbend.study import (
    LOSS,
    MS_PER_STEP,
    OPERATIONS,
    PARAMETERS,
    RECALL,
    Arm,
    Asked,
    Claim,
    Steps,
    Study,
    next_token,
    recall,
)

MIXERS: dict[str, dict[str, Any]] = {
    "softmax": {"mixer": SoftmaxAttention, "heads": 2, "causal": True},
    "rebased": {"mixer": ReBasedAttention, "heads": 2, "feature_dim": 5},
    "based": {"mixer": BasedAttention, "heads": 2, "feature_dim": 5},
    "elu": {"mixer": LinearAttention, "heads": 2, "causal": True},
    "lambda": {"mixer": CausalLambda, "scope": 4, "heads": 2, "key_dim": 16},
    "mamba": {"mixer": Mamba},
}
SETTINGS = (
    "All arms share one learning rate; the stream has one width, and the feed-forward layer the width at which an arm "
    "has as many parameters as the softmax arm, within 5 %. Queries and keys of Based and ReBased are 5 wide, which "
    "makes 21 and 15 features of them, as the other kernels have 16. "
)


class Hybrid(nn.Module):
    """A gated short convolution, then the mixer: the paper alternates the two."""

    def __init__(self, width: int, mixer: nn.Module) -> None:
        super().__init__()
        self.conv, self.norm, self.mixer = ShortConv(width), nn.LayerNorm(width), mixer

    def forward(self, x: Tensor) -> Tensor:
        seen = self.conv(x)
        return seen + self.mixer(self.norm(x + seen))


def hybrid(width: int, length: int, mixer: Any, **settings: Any) -> nn.Module:
    """The mixer of one block of the recall study."""
    return Hybrid(width, mixer(width, **settings))


TASKS = {task.name: task for task in (Mqar(pairs=n, length=4 * n + 8, vocabulary=64) for n in (4, 6, 8))}
EASIEST, HARDEST = min(TASKS), max(TASKS)

main = Study(
    name="rebased",
    question="Which causal mixers recall the values of keys that they saw, as there are more pairs of them?",
    data=list(TASKS),
    sources=TASKS,
    arms={name: Arm(hybrid, settings) for name, settings in MIXERS.items()},
    trial=next_token(
        Asked(partial(small_mixer_decoder, stream=32, places=False, blocks=1)),
        width=32,
        match="params",
        batch=32,
        lr=1e-2,
        probe=recall,
    ),
    budget=Steps(400),
    claims=[
        Claim("ReBased recalls more than Based", "recall", "rebased", ">", "based", margin=0.02),
        Claim("ReBased recalls more than elu + 1", "recall", "rebased", ">", "elu", margin=0.02),
        Claim("Based recalls more than elu + 1", "recall", "based", ">", "elu", margin=0.02),
        Claim("ReBased recalls more than Mamba", "recall", "rebased", ">", "mamba", margin=0.02),
        Claim("ReBased recalls more than causal lambdas", "recall", "rebased", ">", "lambda", margin=0.02),
        Claim("softmax recalls no less than ReBased", "recall", "softmax", ">=", "rebased", margin=0.02),
    ],
    metrics=(RECALL, PARAMETERS, OPERATIONS, MS_PER_STEP),
    seeds=5,
    minutes=8,
    paper="rebased",
    reference="softmax",
    baselines=("softmax", "elu"),
    notes="One block: a gated short convolution, the mixer, a feed-forward layer; no positions. 4, 6 and 8 pairs among "
    "24, 32 and 40 tokens. The paper trains far longer, and claims the order of the arms with a gap that grows with "
    "the length. Seen before the claims were written, at one seed that is not of the study: after 600 steps all arms "
    "but causal lambdas solve 4 and 8 pairs, after 400 steps none solves 16; so the study asks who has learned "
    "it by 400. In an earlier look at 8 pairs among 64 tokens after 300 steps ReBased stood at 0.99, Based at 0.90, "
    "elu + 1 at 0.24: the claim between these was not made blind. " + SETTINGS,
)

text = Study(
    name="rebased-text",
    question="How well do causal mixers with as many parameters predict the next character of English?",
    data=["stdlib-text"],
    arms={name: Arm(any_size, settings) for name, settings in MIXERS.items()},
    trial=next_token(partial(small_mixer_decoder, stream=48), width=48, match="params", batch=16, lr=5e-3),
    budget=Steps(300),
    claims=[
        Claim("ReBased has less loss than Based", "loss", "rebased", "<", "based", margin=0.005),
        Claim("Based has less loss than elu + 1", "loss", "based", "<", "elu", margin=0.005),
        Claim("softmax has less loss than ReBased", "loss", "softmax", "<", "rebased", margin=0.005),
        Claim("Mamba has no more loss than softmax", "loss", "mamba", "<=", "softmax", margin=0.005),
        Claim("causal lambdas have no more loss than elu + 1", "loss", "lambda", "<=", "elu", margin=0.005),
    ],
    metrics=(LOSS, PARAMETERS, OPERATIONS, MS_PER_STEP),
    seeds=5,
    minutes=6,
    paper="rebased",
    reference="softmax",
    baselines=("softmax", "elu"),
    notes="Two blocks, windows of 48 characters. On the Pile the paper has softmax attention before ReBased, and "
    "ReBased a little before Based. " + SETTINGS,
)
