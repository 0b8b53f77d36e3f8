"""Whether a state space must choose by its tokens: selective copying and induction heads, Mamba and others."""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from unbend.data import Dataset, InductionHeads
from unbend.mixers import Mamba, RotaryEmbedding
from unbend.models import MultiHeadAttention, small_mixer_decoder
from unbend.study import LOSS, PARAMETERS, Arm, Claim, Metric, Steps, Study, next_token

RECALL = Metric("recall", "higher", worst=0.0)
FAR = Metric("recall_at_512", "higher", worst=0.0)


class Asked(nn.Module):
    """A network that is trained on the places alone where something is asked."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x)

    def loss(self, out: Tensor, y: Tensor) -> Tensor:
        asked = y > 0
        return F.cross_entropy(out[asked], y[asked])


class AsAsked:
    """The small decoder around a mixer, without positions of its own: order is for the mixers to find."""

    def __init__(self, width: int) -> None:
        self.width = width

    def __call__(self, arm: Any, data: Dataset, width: int) -> nn.Module:
        return Asked(small_mixer_decoder(arm, data, width, stream=self.width, places=False))


def mamba(width: int, length: int, **options: Any) -> nn.Module:
    return Mamba(width, **options)


def attention(width: int, length: int) -> nn.Module:
    return MultiHeadAttention(width, heads=4, causal=True, position=RotaryEmbedding(width // 4))


def recall(model: nn.Module, data: Dataset) -> dict[str, float]:
    """The share of tokens that are right where something is asked."""
    x, y = data.test
    hits = [(model(part).argmax(-1) == told)[told > 0] for part, told in zip(x.split(128), y.split(128))]
    return {"recall": float(sum(hit.sum() for hit in hits)) / float((y > 0).sum())}


def near_and_far(model: nn.Module, data: Dataset) -> dict[str, float]:
    """Recall at the trained length, 32, and at sixteen times that length."""
    far = InductionHeads(length=512, rows=1024, seed=1).load()
    return {**recall(model, data), "recall_at_512": recall(model, far)["recall"]}


NETWORK = AsAsked(32)
LEARN = "A decoder of two blocks of width 32; the loss is taken where something is asked alone. "
SEEN = (
    "Seen before the run: 400 steps of Mamba and of the unselective arm on copying, 200 of Mamba on induction heads, "
    "at one seed that is not of the study, by which the steps, the learning rate and the size of the tasks were chosen "
    "(with six tokens over 48 places Mamba was at 68 % after 500 steps). "
)
PLACES = (
    "No vector says where a token stands, as the paper's layers want none: attention, which has no order of its own, "
    "gets rotary positions."
)
ARMS = {
    "mamba": Arm(mamba),
    "unselective": Arm(mamba, {"selective": False}),
    "attention": Arm(attention),
}

copying = Study(
    name="mamba",
    question="Must a state space choose by its tokens what it keeps, to copy scattered ones?",
    data=["selective-copying"],
    arms=ARMS,
    trial=next_token(NETWORK, width=32, batch=32, lr=1e-2, probe=recall),
    budget=Steps(400),
    claims=[
        Claim("selection copies where fixed rates do not", "recall", "mamba", ">", "unselective", margin=0.2),
        Claim("selection copies as well as attention", "recall", "mamba", ">=", "attention", margin=0.05),
    ],
    metrics=(RECALL, LOSS, PARAMETERS),
    seeds=5,
    minutes=5,
    paper="mamba",
    reference="mamba",
    baselines=("unselective", "attention"),
    notes="The paper, 4,096 tokens: Mamba 99.8 %, its block around S4 56.4 %. " + LEARN + SEEN + PLACES,
)

induction = Study(
    name="mamba-induction",
    question="Does a selective state space recall what followed a token, far beyond the length it was trained at?",
    data=["induction-heads"],
    arms=ARMS,
    trial=next_token(NETWORK, width=32, batch=32, lr=1e-2, probe=near_and_far),
    budget=Steps(250),
    claims=[
        Claim("selection recalls where fixed rates do not", "recall", "mamba", ">", "unselective", margin=0.2),
        Claim("selection recalls at sixteen times the length, attention does not", "recall_at_512", "mamba", ">",
              "attention", margin=0.2),
        Claim("far away selection beats fixed rates", "recall_at_512", "mamba", ">", "unselective", margin=0.2),
    ],
    metrics=(RECALL, FAR, LOSS, PARAMETERS),
    seeds=5,
    minutes=4,
    paper="mamba",
    reference="mamba",
    baselines=("unselective", "attention"),
    notes="The paper trains at 256 and holds to a million tokens. " + LEARN + SEEN + PLACES,
)  # fmt: skip
