"""The eighteen bends of the survey, under the same conditions."""

from typing import Any

from unbend.activations import bend
from unbend.models import small_cnn, small_mlp, small_vit
from unbend.study import ACCURACY, LOSS, MS_PER_STEP, Arm, Claim, Steps, Study, classify

# Names and constants as the benchmark has them, beginning with its learned Swish.
SETTINGS: dict[str, dict[str, Any]] = {
    "sigmoid": {},
    "tanh": {},
    "elliott": {},
    "relu": {},
    "leaky_relu": {},
    "prelu": {},
    "elu": {},
    "selu": {},
    "celu": {},
    "gelu": {},
    "softplus": {},
    "swish": {"beta": 0.25, "trainable": True},
    "abrelu": {"dims": None},
    "lisht": {},
    "soft_root_sign": {"a": 5.0, "b": 3.0},
    "mish": {},
    "pau": {},
    "pdelu": {},
}
ARMS = {name: Arm(bend, {"name": name, **settings}) for name, settings in SETTINGS.items()}
BOUNDED = ("sigmoid", "tanh", "elliott")
CLAIMS = [
    *(Claim(f"{name} is less accurate than relu", "accuracy", "relu", ">", name, 0.005) for name in BOUNDED),
    Claim("mish is at least as accurate as relu", "accuracy", "mish", ">=", "relu", 0.005),
    Claim("pdelu is at least as accurate as relu", "accuracy", "pdelu", ">=", "relu", 0.005),
    Claim("pau is at least as accurate as relu", "accuracy", "pau", ">=", "relu", 0.005),
    Claim("swish is more accurate than sigmoid", "accuracy", "swish", ">", "sigmoid", 0.005),
    Claim("gelu is more accurate than relu", "accuracy", "gelu", ">", "relu", 0.005),
]
NOTES = (
    "From memory: over CIFAR-10 and -100 with six networks, translation and speech no bend wins everywhere; ReLU, "
    "Mish and PDELU are good choices, sigmoid, tanh and Elliott are slowest, PAU is best for small networks, and "
    "slow. Swish starts at beta = 0.25 and learns it, SRS at (5, 3), ABReLU subtracts the mean of the whole tensor, "
    "as in the benchmark's code. Its PDELU returns ReLU; ours follows the formula. Translation and speech are not "
    "tested."
)

main = Study(
    name="af-survey-benchmark",
    question="Which of eighteen bends are good choices in a small fully connected network?",
    data=["digits", "mnist5k"],
    arms=ARMS,
    trial=classify(small_mlp, width=32),
    budget=Steps(300),
    claims=CLAIMS,
    metrics=(ACCURACY, LOSS, MS_PER_STEP),
    minutes=6,
    paper="af-survey-benchmark",
    reference="relu",
    baselines=("relu",),
    notes=NOTES,
)

images = Study(
    name="af-survey-images",
    question="Which of eighteen bends are good choices in a small convolutional network?",
    data=["digits"],
    arms=ARMS,
    trial=classify(small_cnn, width=8),
    budget=Steps(150),
    claims=CLAIMS,
    metrics=(ACCURACY, LOSS, MS_PER_STEP),
    minutes=8,
    paper="af-survey-benchmark",
    reference="relu",
    baselines=("relu",),
    notes=NOTES,
)

patches = Study(
    name="af-survey-patches",
    question="Which of eighteen bends are good choices in a small vision transformer?",
    data=["digits"],
    arms=ARMS,
    trial=classify(small_vit, width=32),
    budget=Steps(200),
    claims=CLAIMS,
    metrics=(ACCURACY, LOSS, MS_PER_STEP),
    minutes=8,
    paper="af-survey-benchmark",
    reference="relu",
    baselines=("relu",),
    notes=NOTES,
)
