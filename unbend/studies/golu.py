"""Does the Gompertz gate train at least as well as its neighbours?"""

from torch import nn

from unbend.activations import GELU, GoLU, ReLU, SiLU, bend
from unbend.models import small_cnn
from unbend.study import ACCURACY, LOSS, MS_PER_STEP, Arm, Claim, Steps, Study, classify

main = Study(
    name="golu",
    question="Does the Gompertz gate train at least as well as GELU, SiLU, Mish and ReLU at equal steps?",
    data=["digits", "shifted-digits"],
    arms={
        "golu": GoLU,
        "gelu": GELU,
        "silu": SiLU,
        "mish": Arm(bend, {"name": "mish"}),
        "relu": ReLU,
        "identity": nn.Identity,
    },
    trial=classify(small_cnn, width=8),
    budget=Steps(200),
    claims=[
        Claim("golu is at least as accurate as gelu", "accuracy", "golu", ">=", "gelu", margin=0.005),
        Claim("golu is at least as accurate as silu", "accuracy", "golu", ">=", "silu", margin=0.005),
        Claim("golu is at least as accurate as mish", "accuracy", "golu", ">=", "mish", margin=0.005),
        Claim("golu is more accurate than relu", "accuracy", "golu", ">", "relu", margin=0.005),
        Claim("without a bend much is lost", "accuracy", "golu", ">", "identity", margin=0.02),
    ],
    metrics=(ACCURACY, LOSS, MS_PER_STEP),
    minutes=5,
    paper="golu",
    reference="gelu",
    baselines=("gelu", "silu", "mish", "relu"),
    notes="Directions from the authors' table on ImageNet with ResNet-50: golu 76.6, gelu 76.1, mish 75.5, relu 75.4, "
    "silu 75.2. The margin is half a point. A result that would count against the paper: golu behind gelu by more.",
)
