"""Does one gated form train to the quality of the bends that it equals, frozen and learned?"""

from torch import nn

from unbend.activations import unified
from unbend.models import small_mlp
from unbend.study import ACCURACY, LOSS, MS_PER_STEP, Arm, Claim, Steps, Study, classify

BUILT_IN = {"tanh": nn.Tanh, "silu": nn.SiLU, "mish": nn.Mish}

main = Study(
    name="mittag-leffler",
    question="Does the unified gate train as well as the bends that it equals, its parameters frozen or learned?",
    data=["digits"],
    arms={
        **BUILT_IN,
        **{f"{name} unified": Arm(unified, {"name": name}) for name in BUILT_IN},
        **{f"{name} learned": Arm(unified, {"name": name, "trainable": True}) for name in BUILT_IN},
    },
    trial=classify(small_mlp, width=32),
    budget=Steps(200),
    claims=[
        *(
            Claim(f"frozen at {name} it is as accurate as {name}", "accuracy", f"{name} unified", ">=", name, 0.005)
            for name in BUILT_IN
        ),
        *(
            Claim(f"learned from {name} it is as accurate as {name}", "accuracy", f"{name} learned", ">=", name, 0.005)
            for name in BUILT_IN
        ),
        *(
            Claim(
                f"learned from {name} it reaches a lower loss than {name}", "loss", f"{name} learned", "<", name, 0.01
            )
            for name in BUILT_IN
        ),
    ],
    metrics=(ACCURACY, LOSS, MS_PER_STEP),
    minutes=5,
    paper="mittag-leffler",
    reference="silu",
    baselines=tuple(BUILT_IN),
    notes="The authors say that networks with the gate train to the same quality as with the built-in bends; that "
    "learning its parameters lowers the loss is what one would hope for, and our claim. Margins: half a point, and a "
    "hundredth of a nat, fixed before the run.",
)
