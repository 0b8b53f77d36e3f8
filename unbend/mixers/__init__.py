"""Token mixing in linear time."""

from unbend.mixers._activator import ActivatorGLU as ActivatorGLU
from unbend.mixers._attention2d import (
    EfficientAttention2d as EfficientAttention2d,
    RelativeAttention2d as RelativeAttention2d,
)
from unbend.mixers._ecoformer import (
    EcoAttention as EcoAttention,
    Energy as Energy,
    KernelHash as KernelHash,
    SignSTE as SignSTE,
    energy_estimate as energy_estimate,
    hamming_linear_attention as hamming_linear_attention,
)
from unbend.mixers._focused import FocusedLinearAttention as FocusedLinearAttention, focused_map as focused_map
from unbend.mixers._lambda import LambdaLayer as LambdaLayer, lambda_fn as lambda_fn
from unbend.mixers._lambda_base import RelPosEmbedding as RelPosEmbedding
from unbend.mixers._lambda_causal import CausalLambda as CausalLambda, causal_lambda_fn as causal_lambda_fn
from unbend.mixers._lambda_conv import LambdaConv as LambdaConv
from unbend.mixers._lambda_cost import LambdaCost as LambdaCost, lambda_cost as lambda_cost
from unbend.mixers._linear_attention import LinearAttention as LinearAttention
from unbend.mixers._mamba import Mamba as Mamba, selective_scan_fn as selective_scan_fn
from unbend.mixers._norm_aware import (
    NormAwareLinearAttention as NormAwareLinearAttention,
    norm_power_map as norm_power_map,
)
from unbend.mixers._polynormer import (
    PolyGlobalLayer as PolyGlobalLayer,
    PolyLocalLayer as PolyLocalLayer,
    gat_conv as gat_conv,
    sigmoid_linear_attention as sigmoid_linear_attention,
)
from unbend.mixers._positions import (
    AlibiBias as AlibiBias,
    FourierPositionEmbedding as FourierPositionEmbedding,
    RotaryEmbedding as RotaryEmbedding,
    rotary_frequencies as rotary_frequencies,
)
from unbend.mixers._rebased import (
    BasedAttention as BasedAttention,
    ReBasedAttention as ReBasedAttention,
    ReBasedFeatureMap as ReBasedFeatureMap,
    TaylorFeatureMap as TaylorFeatureMap,
)
from unbend.mixers._s4d_base import S4DReal as S4DReal
from unbend.mixers._short_conv import ShortConv as ShortConv
from unbend.mixers._soft import (
    GaussianKernelAttention as GaussianKernelAttention,
    SOFTAttention as SOFTAttention,
    newton_pinv as newton_pinv,
)
from unbend.mixers._softmax_attention import SoftmaxAttention as SoftmaxAttention
from unbend.mixers._unitary_rnn import (
    UnitaryRNN as UnitaryRNN,
    antisymmetric as antisymmetric,
    average_effect as average_effect,
    unitary_distance as unitary_distance,
)
