"""Bends: fixed, learned, gated, and bases."""

from unbend.activations._analyse import Analysis as Analysis, analyse as analyse
from unbend.activations._base import Bend as Bend
from unbend.activations._blend import Blend as Blend
from unbend.activations._catalogue import catalogue as catalogue
from unbend.activations._cauchy import Cauchy as Cauchy, cauchy as cauchy
from unbend.activations._closed_form import ClosedForm as ClosedForm
from unbend.activations._crrelu import CRReLU as CRReLU, crrelu as crrelu
from unbend.activations._describe import Description as Description, describe as describe
from unbend.activations._duplicates import (
    Coincidence as Coincidence,
    coincide as coincide,
    duplicates as duplicates,
    relatives as relatives,
)
from unbend.activations._eafo import (
    activation_entropy as activation_entropy,
    entropy_correction as entropy_correction,
    worst_activation as worst_activation,
)
from unbend.activations._evonorm import EvoNorm as EvoNorm, evonorm as evonorm
from unbend.activations._fit_activation import fit_activation as fit_activation
from unbend.activations._fourier import FourierActivation as FourierActivation
from unbend.activations._fractional import (
    FALU as FALU,
    FracSoftplus as FracSoftplus,
    FracTanh as FracTanh,
    falu as falu,
    fractional as fractional,
)
from unbend.activations._gated_form import GatedForm as GatedForm
from unbend.activations._gelu import GELU as GELU, GELUTanh as GELUTanh, gelu as gelu, gelu_tanh as gelu_tanh
from unbend.activations._glu import GEGLU as GEGLU, GLU as GLU, Bilinear as Bilinear, ReGLU as ReGLU, SwiGLU as SwiGLU
from unbend.activations._glu_base import matched_hidden as matched_hidden
from unbend.activations._golu import GoLU as GoLU, golu as golu
from unbend.activations._hermite import HermiteActivation as HermiteActivation
from unbend.activations._k_sparse import BatchTopK as BatchTopK, KSparse as KSparse, k_sparse as k_sparse
from unbend.activations._kan import KANLayer as KANLayer
from unbend.activations._kan_conv import KANConv1d as KANConv1d, KANConv2d as KANConv2d
from unbend.activations._kan_edge import (
    BSplineEdge as BSplineEdge,
    ChebyshevEdge as ChebyshevEdge,
    FourierEdge as FourierEdge,
    RBFEdge as RBFEdge,
)
from unbend.activations._matrix_activation import (
    DiagMatrixActivation as DiagMatrixActivation,
    TridiagMatrixActivation as TridiagMatrixActivation,
    matrix_activation as matrix_activation,
)
from unbend.activations._names import bend as bend
from unbend.activations._outline_base import Line as Line, Outline as Outline
from unbend.activations._pooled import (
    AOAF as AOAF,
    ABReLU as ABReLU,
    DyReLU as DyReLU,
    FunnelReLU as FunnelReLU,
    MetaACON as MetaACON,
    MidReLU as MidReLU,
)
from unbend.activations._prelu import PReLU as PReLU, prelu as prelu
from unbend.activations._rational import (
    PAU as PAU,
    RPAU as RPAU,
    Rational as Rational,
    SafePAU as SafePAU,
    fit_rational as fit_rational,
)
from unbend.activations._relu import ReLU as ReLU, relu as relu
from unbend.activations._ripples import (
    SnakeBeta as SnakeBeta,
    UnitSnake as UnitSnake,
    XPlusSin as XPlusSin,
    snake_beta as snake_beta,
    unit_snake as unit_snake,
    x_plus_sin as x_plus_sin,
)
from unbend.activations._shifted_gelu import ShiftedGELU as ShiftedGELU, shifted_gelu as shifted_gelu
from unbend.activations._silu import SiLU as SiLU, silu as silu
from unbend.activations._snake import Snake as Snake, snake as snake
from unbend.activations._softmaxes import (
    BetaSoftmax as BetaSoftmax,
    Entmax15 as Entmax15,
    GumbelSoftmax as GumbelSoftmax,
    LogSoftmax as LogSoftmax,
    Softmax as Softmax,
    Softmin as Softmin,
    Sparsemax as Sparsemax,
    Sqmax as Sqmax,
    TunedSoftmax as TunedSoftmax,
    entmax15 as entmax15,
    sparsemax as sparsemax,
)
from unbend.activations._sorting import CReLU as CReLU, GroupSort as GroupSort, Maxout as Maxout
from unbend.activations._stochastic_gelu import (
    StochasticGELU as StochasticGELU,
    stochastic_gelu as stochastic_gelu,
)
from unbend.activations._swish import Swish as Swish, swish as swish
from unbend.activations._symbolic import Symbolic as Symbolic, symbolic as symbolic
from unbend.activations._taaf import Taaf as Taaf
from unbend.activations._tables import (
    MTLU as MTLU,
    VAF as VAF,
    CubicSplineBend as CubicSplineBend,
    LuTU as LuTU,
    ReLUSpline as ReLUSpline,
)
from unbend.activations._tropical import (
    TropicalActivation as TropicalActivation,
    TropicalRationalActivation as TropicalRationalActivation,
)
from unbend.activations._trug import TruG as TruG, trug as trug
from unbend.activations._unified import UnifiedGate as UnifiedGate, unified as unified
from unbend.activations._velu import VeLU as VeLU, velu as velu
from unbend.activations._xgate import (
    ATLU as ATLU,
    XATLU as XATLU,
    XGELU as XGELU,
    XSiLU as XSiLU,
    atlu as atlu,
    xatlu as xatlu,
    xgelu as xgelu,
    xsilu as xsilu,
)
from unbend.activations._xglu import ATGLU as ATGLU, XATGLU as XATGLU, XGEGLU as XGEGLU, XSwiGLU as XSwiGLU
