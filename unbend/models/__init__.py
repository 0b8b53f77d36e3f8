"""Whole networks made of the parts."""

from unbend.models._lambda_resnet import (
    LambdaResNet as LambdaResNet,
)
from unbend.models._lambda_resnet import (
    lambda_layout as lambda_layout,
)
from unbend.models._lambda_resnet import (
    lambda_resnet50 as lambda_resnet50,
)
from unbend.models._lambda_resnet import (
    lambda_resnet101 as lambda_resnet101,
)
from unbend.models._lambda_resnet import (
    lambda_resnet152 as lambda_resnet152,
)
from unbend.models._lambda_resnet import (
    lambda_resnet200 as lambda_resnet200,
)
from unbend.models._lambda_resnet import (
    lambda_resnet270 as lambda_resnet270,
)
from unbend.models._lambda_resnet import (
    lambda_resnet350 as lambda_resnet350,
)
from unbend.models._lambda_resnet import (
    lambda_resnet420 as lambda_resnet420,
)
from unbend.models._lambda_resnet_base import LambdaBottleneck as LambdaBottleneck
from unbend.models._small import any_size as any_size
from unbend.models._small import convolution as convolution
from unbend.models._small import excited_convolution as excited_convolution
from unbend.models._small import small_bottleneck as small_bottleneck
from unbend.models._small import small_cnn as small_cnn
from unbend.models._small import small_mlp as small_mlp
from unbend.models._small_decoder import small_decoder as small_decoder
from unbend.models._timm import register_timm as register_timm
