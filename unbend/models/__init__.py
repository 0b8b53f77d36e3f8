"""Whole networks made of the parts."""

from unbend.models._activator import ActivatorBlock as ActivatorBlock, ActivatorViT as ActivatorViT
from unbend.models._alrnn import (
    ALRNN as ALRNN,
    FixedPoint as FixedPoint,
    SymbolicGraph as SymbolicGraph,
    power_spectrum_error as power_spectrum_error,
    state_space_divergence as state_space_divergence,
)
from unbend.models._attention_base import (
    MultiHeadAttention as MultiHeadAttention,
    attention_matrix as attention_matrix,
    multi_head_attention as multi_head_attention,
)
from unbend.models._curves_base import ChebyshevCurves as ChebyshevCurves, tabulate as tabulate
from unbend.models._design_space import DesignSpace as DesignSpace, edf as edf
from unbend.models._k_sparse_autoencoder import KSparseAutoencoder as KSparseAutoencoder
from unbend.models._kan import KAN as KAN
from unbend.models._kan_symbol_base import SymbolicFit as SymbolicFit
from unbend.models._lambda_resnet import (
    LambdaResNet as LambdaResNet,
    lambda_layout as lambda_layout,
    lambda_resnet50 as lambda_resnet50,
    lambda_resnet101 as lambda_resnet101,
    lambda_resnet152 as lambda_resnet152,
    lambda_resnet200 as lambda_resnet200,
    lambda_resnet270 as lambda_resnet270,
    lambda_resnet350 as lambda_resnet350,
    lambda_resnet420 as lambda_resnet420,
)
from unbend.models._lambda_resnet_base import LambdaBottleneck as LambdaBottleneck
from unbend.models._looped import SubleqMachine as SubleqMachine
from unbend.models._looped_base import (
    Snapshot as Snapshot,
    SubleqProgram as SubleqProgram,
    assemble as assemble,
    subleq as subleq,
)
from unbend.models._ltsf import (
    DLinear as DLinear,
    LTSFLinear as LTSFLinear,
    LTSFRegressor as LTSFRegressor,
    MovingAverageDecomposition as MovingAverageDecomposition,
    NLinear as NLinear,
)
from unbend.models._mamba_lm import MambaLM as MambaLM
from unbend.models._moment_mlp import MomentMLP as MomentMLP
from unbend.models._monotonic_mlp import MonotonicMLP as MonotonicMLP
from unbend.models._polynormer import Polynormer as Polynormer
from unbend.models._potential import (
    KANPotential as KANPotential,
    cutoff as cutoff,
    embedded_energy as embedded_energy,
    forces as forces,
    lennard_jones as lennard_jones,
    morse as morse,
    pair_energy as pair_energy,
)
from unbend.models._regnet import AnyNet as AnyNet, RegNet as RegNet, regnet as regnet
from unbend.models._regnet_base import regnet_widths as regnet_widths
from unbend.models._rexnet import (
    LinearBottleneck as LinearBottleneck,
    ReXNet as ReXNet,
    feature_rank_ratio as feature_rank_ratio,
    linear_channels as linear_channels,
)
from unbend.models._small import (
    any_size as any_size,
    convolution as convolution,
    excited_convolution as excited_convolution,
    small_bottleneck as small_bottleneck,
    small_cnn as small_cnn,
    small_mlp as small_mlp,
)
from unbend.models._small_decoder import (
    small_block_decoder as small_block_decoder,
    small_decoder as small_decoder,
    small_mixer_decoder as small_mixer_decoder,
)
from unbend.models._small_vit import small_mixer_vit as small_mixer_vit, small_vit as small_vit
from unbend.models._stories import StoryTokenizer as StoryTokenizer, load_stories as load_stories
from unbend.models._timm import register_timm as register_timm
from unbend.models._transformer_base import (
    FeedForward as FeedForward,
    Transformer as Transformer,
    TransformerBlock as TransformerBlock,
)
from unbend.models._xnet import XNet as XNet, one_hidden as one_hidden
