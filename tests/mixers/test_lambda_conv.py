"""Lambda convolution: the local form against the global one."""

import torch

from unbend.mixers import LambdaConv, LambdaLayer


def test_a_scope_that_covers_the_map_is_the_global_form() -> None:
    local = LambdaConv(12, scope=(9, 13), heads=3, key_dim=4, intra_depth=2).double()
    whole = LambdaLayer(12, (5, 7), heads=3, key_dim=4, intra_depth=2).double()
    whole.project.load_state_dict(local.project.state_dict())
    whole.position.table.data.copy_(local.table)
    x = torch.randn(2, 12, 5, 7, dtype=torch.float64)
    torch.testing.assert_close(local(x), whole(x))
