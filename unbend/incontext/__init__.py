"""Learning within the input: what networks make of examples that stand in their prompt."""

from unbend.incontext._linear_self_attention import (
    GDStep as GDStep,
    LinearSelfAttention1 as LinearSelfAttention1,
    as_gd_step as as_gd_step,
    gd_step as gd_step,
    optimal_step as optimal_step,
    regression_prompts as regression_prompts,
)
