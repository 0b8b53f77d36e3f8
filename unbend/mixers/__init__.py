"""Token mixing in linear time."""

from unbend.mixers._attention2d import EfficientAttention2d as EfficientAttention2d
from unbend.mixers._attention2d import RelativeAttention2d as RelativeAttention2d
from unbend.mixers._lambda import LambdaLayer as LambdaLayer
from unbend.mixers._lambda import lambda_fn as lambda_fn
from unbend.mixers._lambda_base import RelPosEmbedding as RelPosEmbedding
from unbend.mixers._lambda_conv import LambdaConv as LambdaConv
