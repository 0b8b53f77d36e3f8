"""Do learned rational bends keep up with fixed ones?"""

from torch import nn

from unbend.activations import PAU, ReLU, SiLU, bend
from unbend.models import small_cnn
from unbend.study import ACCURACY, LOSS, MS_PER_STEP, Arm, Claim, Steps, Study, classify

main = Study(
    name="pau",
    question="Are networks with learned Pade units at least as accurate as with the best fixed bends, and is it the "
    "learning that matters?",
    data=["digits", "shifted-digits"],
    arms={
        "pau": PAU,
        "pau-fixed": Arm(PAU, {"trainable": False}),
        "relu": ReLU,
        "leaky-relu": Arm(bend, {"name": "leaky_relu"}),
        "silu": SiLU,
        "identity": nn.Identity,
    },
    trial=classify(small_cnn, width=8),
    budget=Steps(200),
    claims=[
        Claim("pau is at least as accurate as relu", "accuracy", "pau", ">=", "relu", margin=0.005),
        Claim("pau is at least as accurate as leaky relu", "accuracy", "pau", ">=", "leaky-relu", margin=0.005),
        Claim("pau is at least as accurate as silu", "accuracy", "pau", ">=", "silu", margin=0.005),
        Claim("learning the coefficients pays", "accuracy", "pau", ">", "pau-fixed", margin=0.002),
        Claim("pau is more accurate than no bend", "accuracy", "pau", ">", "identity", margin=0.02),
    ],
    metrics=(ACCURACY, LOSS, MS_PER_STEP),
    minutes=5,
    paper="pau",
    reference="relu",
    baselines=("relu", "leaky-relu", "silu"),
    notes="The paper has Pade units at or above the best fixed bend of each network on MNIST, Fashion-MNIST, CIFAR-10 "
    "and ImageNet. Degrees 5 and 4, one set of ten numbers to a layer, no weight decay on them, and the learning rate "
    "of the weights. The margin is half a point. A result that would count against the paper: pau behind by more.",
)
