"""Is GELU the best of the usual bends in a residual convolutional network?"""

from unbend.activations import GELU, ReLU, SiLU, bend
from unbend.models import small_cnn
from unbend.study import ACCURACY, LOSS, MS_PER_STEP, Arm, Claim, Steps, Study, classify

main = Study(
    name="gelu-analysis",
    question="Is GELU the most accurate of seven usual bends in a small residual convolutional network at equal steps?",
    data=["shifted-digits"],
    arms={
        "gelu": GELU,
        "relu": ReLU,
        "silu": SiLU,
        "elu": Arm(bend, {"name": "elu"}),
        "mish": Arm(bend, {"name": "mish"}),
        "tanh": Arm(bend, {"name": "tanh"}),
        "softplus": Arm(bend, {"name": "softplus"}),
    },
    trial=classify(small_cnn, width=8),
    budget=Steps(200),
    claims=[
        Claim("gelu is more accurate than relu", "accuracy", "gelu", ">", "relu", margin=0.005),
        Claim("gelu is more accurate than elu", "accuracy", "gelu", ">", "elu", margin=0.005),
        Claim("gelu is more accurate than tanh", "accuracy", "gelu", ">", "tanh", margin=0.005),
        Claim("gelu is more accurate than softplus", "accuracy", "gelu", ">", "softplus", margin=0.005),
        Claim("gelu is at least as accurate as silu", "accuracy", "gelu", ">=", "silu", margin=0.005),
        Claim("gelu is at least as accurate as mish", "accuracy", "gelu", ">=", "mish", margin=0.005),
    ],
    metrics=(ACCURACY, LOSS, MS_PER_STEP),
    minutes=4,
    paper="gelu-analysis",
    reference="gelu",
    baselines=("relu", "silu", "elu", "mish", "tanh", "softplus"),
    notes="The authors name GELU the best on CIFAR-10, CIFAR-100 and STL-10 with a residual network; their numbers "
    "were not read again, so only the order is tested. The margin is half a point. A bend that is ahead of GELU counts "
    "against the paper.",
)
