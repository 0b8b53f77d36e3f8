"""Networks to operate on, in plain torch: a residual network, a decoder and face detectors, the last two trained."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests._shared import shared


class BasicBlock(nn.Module):
    """Two convolutions beside a shortcut; as in torchvision, one ReLU module is called twice, in place."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.downsample = None
        if stride != 1 or inside != outside:
            self.downsample = nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))

    def forward(self, x: Tensor) -> Tensor:
        identity = x
        out = self.conv1(x)
        out = self.bn1(out)
        out = self.relu(out)
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    """The shape of torchvision's, with a narrow stem."""

    def __init__(self, widths: tuple[int, ...] = (8, 16), blocks: int = 2, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.relu = nn.ReLU(inplace=True)
        inside = widths[0]
        for number, width in enumerate(widths, 1):
            layer = nn.Sequential()
            for index in range(blocks):
                layer.append(BasicBlock(inside, width, 2 if index == 0 and number > 1 else 1))
                inside = width
            setattr(self, f"layer{number}", layer)
        self.depth = len(widths)
        self.fc = nn.Linear(inside, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        for number in range(1, self.depth + 1):
            x = getattr(self, f"layer{number}")(x)
        return self.fc(x.mean((2, 3)))


class SmallCNN(nn.Module):
    """What a tutorial writes: every bend is a call."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 3)
        self.conv2 = nn.Conv2d(6, 8, 3)
        self.fc1 = nn.Linear(8 * 9, 16)
        self.fc2 = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = torch.relu(self.conv2(x))
        x = self.fc1(x.flatten(1)).relu()
        return F.log_softmax(self.fc2(x), dim=-1)


class RMSNorm(nn.Module):
    """Scale to a root mean square of one."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * self.weight


class Attention(nn.Module):
    """Causal attention with rotary positions; several query heads share a key head."""

    def __init__(self, width: int, heads: int, shared_heads: int) -> None:
        super().__init__()
        self.size = width // heads
        self.wq = nn.Linear(width, width, bias=False)
        self.wk = nn.Linear(width, self.size * shared_heads, bias=False)
        self.wv = nn.Linear(width, self.size * shared_heads, bias=False)
        self.wo = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (w(x).unflatten(-1, (-1, self.size)).transpose(1, 2) for w in (self.wq, self.wk, self.wv))
        q, k = rotate(q), rotate(k)
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        return self.wo(out.transpose(1, 2).flatten(2))


class SwiGLU(nn.Module):
    """A gated feed-forward layer; its gate is a call."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.w_gate = nn.Linear(width, hidden, bias=False)
        self.w_up = nn.Linear(width, hidden, bias=False)
        self.w_down = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.w_down(F.silu(self.w_gate(x)) * self.w_up(x))


class Layer(nn.Module):
    def __init__(self, width: int, hidden: int, heads: int, shared_heads: int) -> None:
        super().__init__()
        self.norm_attn = RMSNorm(width)
        self.attn = Attention(width, heads, shared_heads)
        self.norm_ffn = RMSNorm(width)
        self.ffn = SwiGLU(width, hidden)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm_attn(x))
        return x + self.ffn(self.norm_ffn(x))


class Decoder(nn.Module):
    """A decoder of the Llama type; the output weights are those of the embedding."""

    def __init__(self, width: int, hidden: int, layers: int, heads: int, shared_heads: int, vocabulary: int) -> None:
        super().__init__()
        self.tok_embed = nn.Embedding(vocabulary, width)
        self.layers = nn.ModuleList(Layer(width, hidden, heads, shared_heads) for _ in range(layers))
        self.norm_out = RMSNorm(width)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.tok_embed(ids)
        for layer in self.layers:
            x = layer(x)
        return F.linear(self.norm_out(x), self.tok_embed.weight)


def rotate(x: Tensor) -> Tensor:
    """Turn neighbouring pairs of the last axis of `(b, h, t, d)` by an angle that grows with t."""
    t, d = x.shape[-2:]
    angle = torch.arange(t)[:, None] * 10000.0 ** (-torch.arange(0, d, 2) / d)
    a, b = x[..., ::2], x[..., 1::2]
    return torch.stack((a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()), -1).flatten(-2)


def stories() -> tuple[Decoder, dict[str, np.ndarray], Callable[[Tensor], str]]:
    """The trained decoder, its file, and what turns tokens into text."""
    file = dict(np.load(shared("stories260k/stories260k.npz"), allow_pickle=False))
    width, hidden, layers, heads, shared_heads, vocabulary, _ = (int(n) for n in file["config"])
    model = Decoder(width, hidden, layers, heads, shared_heads, vocabulary)
    places = {"norm_attn": "norm_attn.weight", "norm_ffn": "norm_ffn.weight"}
    places |= {name: f"attn.{name}.weight" for name in ("wq", "wk", "wv", "wo")}
    places |= {name: f"ffn.{name}.weight" for name in ("w_gate", "w_up", "w_down")}
    state = {f"layers.{n}.{key}": torch.tensor(file[name][n]) for name, key in places.items() for n in range(layers)}
    state |= {f"{name}.weight": torch.tensor(file[name]) for name in ("tok_embed", "norm_out")}
    model.load_state_dict(state)
    starts, text = file["vocab_offsets"], file["vocab_bytes"].tobytes()

    def words(ids: Tensor) -> str:
        return b"".join(text[starts[i] : starts[i + 1]] for i in ids.tolist()).decode(errors="replace")

    return model.eval(), file, words


@torch.no_grad()
def greedy(model: nn.Module, length: int, start: int = 1) -> Tensor:
    """The most likely next token, over and over."""
    ids = torch.tensor([[start]])
    while ids.shape[1] < length:
        ids = torch.cat((ids, model(ids)[:, -1:].argmax(-1)), 1)
    return ids[0]


class Detector(nn.Module):
    """One of the three networks of a cascade that finds faces: convolutions with PReLU, then heads."""

    def __init__(self, layers: dict[str, nn.Module], heads: dict[str, nn.Module]) -> None:
        super().__init__()
        self.body = list(layers)
        self.heads = list(heads)
        for name, module in (layers | heads).items():
            self.add_module(name, module)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        for name in self.body:
            x = getattr(self, name)(x)
        return tuple(getattr(self, name)(x) for name in self.heads)


class Columns(nn.Module):
    """Flatten maps column by column, the order in which the dense layers were trained."""

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 3, 2, 1).flatten(1)


def detector(name: str) -> Detector:
    """The trained `pnet`, `rnet` or `onet`; layers without weights are put where its input size asks for them."""
    file = np.load(shared(f"small_models/mtcnn_{name}.npz"), allow_pickle=False)
    weights = {key: torch.tensor(file[key]) for key in file.files}
    pools = {
        "pnet": {"prelu1": nn.MaxPool2d(2, 2, ceil_mode=True)},
        "rnet": {n: nn.MaxPool2d(3, 2, ceil_mode=True) for n in ("prelu1", "prelu2")} | {"prelu3": Columns()},
        "onet": {
            "prelu1": nn.MaxPool2d(3, 2, ceil_mode=True),
            "prelu2": nn.MaxPool2d(3, 2, ceil_mode=True),
            "prelu3": nn.MaxPool2d(2, 2, ceil_mode=True),
            "prelu4": Columns(),
        },
    }[name]
    layers: dict[str, nn.Module] = {}
    heads: dict[str, nn.Module] = {}
    for key in dict.fromkeys(key.partition(".")[0] for key in weights):
        shape = weights[f"{key}.weight"].shape
        if key.startswith("prelu"):
            layers[key] = nn.PReLU(shape[0])
        else:
            kind = nn.Conv2d(shape[1], shape[0], shape[2:]) if len(shape) == 4 else nn.Linear(shape[1], shape[0])
            (heads if "_" in key else layers)[key] = kind
        if key in pools:
            layers[f"{key}_after"] = pools[key]
    model = Detector(layers, heads)
    model.load_state_dict(weights)
    return model.eval()


def same(a: nn.Module, b: nn.Module) -> bool:
    """Whether two models have the same modules, classes and modes, and the same weights under the same keys."""
    structure = [[(path, type(m), m.training) for path, m in model.named_modules()] for model in (a, b)]
    states = [model.state_dict() for model in (a, b)]
    return structure[0] == structure[1] and list(states[0]) == list(states[1]) and all(
        torch.equal(value, states[1][key]) for key, value in states[0].items()
    )  # fmt: skip
