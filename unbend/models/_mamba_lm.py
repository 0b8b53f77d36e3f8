"""A language model of Mamba blocks, which reads and writes the checkpoints of transformers."""

import json
from pathlib import Path
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least, extra
from unbend.mixers import Mamba

Device = torch.device | str | None
State = tuple[tuple[Tensor, Tensor], ...]

_PREFIX = "backbone."
_EPS = 1e-5
# What a configuration of transformers may say that this model does not do otherwise.
_FIXED = {"hidden_act": "silu", "model_type": "mamba"}


class MambaLM(nn.Module):
    """A stack of Mamba blocks over tokens, in the layout of transformers' `MambaForCausalLM`.

    Formula:
        x = embed(tokens);  x <- x + mamba(rms_norm(x)) for each of `depth` layers;  y = rms_norm(x) W^T

    Shape:
        x: (b, t) whole numbers below `vocabulary`, or (b, t, dim) vectors that are embedded already; padding: (b, t);
        y: (b, t, vocabulary).

    Args:
        vocabulary: how many different tokens there are.
        dim: width of the stream.
        depth: layers.
        state: as for `Mamba`.
        conv: likewise.
        expand: likewise.
        rank: likewise.
        selective: likewise; transformers knows selective layers alone.
        bias: likewise.
        conv_bias: likewise.
        eps: added to the mean square in each norm.
        tied: whether the output's weight is the embedding's.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        `advance` takes a chunk of any length, `step` one token; both go on from the state that the last one gave, whose
        size does not grow. Decoding takes time and memory that do not depend on what came before.

    Departures:
        The residual stream has the type of the weights, not float32 always.

    References:
        Gu, Dao (2023), Mamba: Linear-Time Sequence Modeling with Selective State Spaces, arXiv:2312.00752.

    Examples:
        >>> model = MambaLM(11, 16, 2)
        >>> model.generate(torch.tensor([[1, 2, 3]]), 4).shape
        torch.Size([1, 7])
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"vocabulary": 7, "dim": 5, "depth": 2, "state": 3}, (2, 3, 5), largest=1e4),
        Example({"vocabulary": 7, "dim": 3, "depth": 1, "bias": True, "conv_bias": False}, (2, 5, 3), largest=1e4),
    )

    def __init__(
        self,
        vocabulary: int,
        dim: int = 64,
        depth: int = 2,
        *,
        state: int = 16,
        conv: int = 4,
        expand: int = 2,
        rank: int | None = None,
        selective: bool = True,
        bias: bool = False,
        conv_bias: bool = True,
        eps: float = _EPS,
        tied: bool = True,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        place: dict[str, Any] = {"device": device, "dtype": dtype}
        self.block: dict[str, Any] = {
            "state": state, "conv": conv, "expand": expand, "rank": rank, "selective": selective, "bias": bias,
            "conv_bias": conv_bias,
        }  # fmt: skip
        self.vocabulary, self.dim, self.eps = at_least(1, vocabulary=vocabulary), at_least(1, dim=dim), eps
        self.embeddings = nn.Embedding(vocabulary, dim, **place)
        self.layers = nn.ModuleList(
            nn.ModuleDict({"norm": nn.RMSNorm(dim, eps, **place), "mixer": Mamba(dim, **self.block, **place)})
            for _ in range(at_least(1, depth=depth))
        )
        self.norm_f = nn.RMSNorm(dim, eps, **place)
        self.lm_head = None if tied else nn.Linear(dim, vocabulary, bias=False, **place)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Embeddings small; outputs of the layers divided by the root of their number, so that their sum stays."""
        nn.init.normal_(self.embeddings.weight, std=0.02)
        with torch.no_grad():
            for _, mixer in self._parts():
                mixer.out_proj.reset_parameters()
                mixer.out_proj.weight /= len(self.layers) ** 0.5
        if self.lm_head is not None:
            self.lm_head.reset_parameters()

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        x = self._embedded(x)
        for norm, mixer in self._parts():
            x = x + mixer(norm(x), padding)
        return self._read(x)

    def advance(self, x: Tensor, state: State, padding: Tensor | None = None) -> tuple[Tensor, State]:
        """The outputs of a chunk of any length, and the state after it."""
        x, after = self._embedded(x), list[tuple[Tensor, Tensor]]()
        for (norm, mixer), old in zip(self._parts(), state, strict=True):
            y, new = mixer.advance(norm(x), old, padding)
            x = x + y
            after.append(new)
        return self._read(x), tuple(after)

    def init_state(self, batch: int, *, device: Device = None, dtype: torch.dtype | None = None) -> State:
        """The state before the first token: that of each layer."""
        return tuple(mixer.init_state(batch, device=device, dtype=dtype) for _, mixer in self._parts())

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        """The output at one token, `(b,)` or `(b, dim)`, and the state after it."""
        x, after = self._embedded(x_t), list[tuple[Tensor, Tensor]]()
        for (norm, mixer), old in zip(self._parts(), state, strict=True):
            y, new = mixer.step(norm(x), old)
            x = x + y
            after.append(new)
        return self._read(x), tuple(after)

    @torch.no_grad()
    def generate(
        self, tokens: Tensor, steps: int, *, temperature: float = 0.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """`tokens` (b, t), and after them `steps` tokens: the likeliest, or drawn at a temperature above zero."""
        if tokens.ndim != 2 or not tokens.shape[1]:
            raise ArgumentError.of("tokens", f"shape {tuple(tokens.shape)}", "(b, t) with one token at least")
        at_least(0, steps=steps)
        whole, state = self.advance(tokens, self.init_state(len(tokens)))
        logits, made = whole[:, -1], [tokens]
        for i in range(steps):
            if temperature > 0:
                token = torch.multinomial((logits / temperature).float().softmax(-1), 1, generator=generator)
            else:
                token = logits.argmax(-1, keepdim=True)
            made.append(token)
            if i + 1 < steps:
                logits, state = self.step(token[:, 0], state)
        return torch.cat(made, 1)

    @classmethod
    def load(cls, folder: str | Path) -> "MambaLM":
        """Read a checkpoint of transformers' Mamba: `config.json` and safetensors; needs the package `safetensors`.

        Raises:
            ArgumentError: the folder holds no such checkpoint, or one that does something else.
        """
        folder = Path(folder)
        files = sorted(folder.glob("*.safetensors"))
        if not files or not (folder / "config.json").is_file():
            remedy = "Checkpoints with pickled weights are not read: save them as safetensors first."
            raise ArgumentError.of("folder", str(folder), "config.json and *.safetensors", remedy)
        config: dict[str, Any] = json.loads((folder / "config.json").read_text())
        for name, value in _FIXED.items():
            if config.get(name, value) != value:
                raise ArgumentError.of(f"config.json: {name}", config[name], repr(value))
        read = extra("safetensors.torch", "text").load_file
        weights: dict[str, Tensor] = {}
        for file in files:
            weights |= {name.removeprefix(_PREFIX): value for name, value in read(file).items()}
        tied = bool(config.get("tie_word_embeddings", True))
        if tied:
            weights.pop("lm_head.weight", None)
        model = cls(**_arguments(config), tied=tied, dtype=weights["embeddings.weight"].dtype)
        model.load_state_dict(weights)
        return model.eval()

    def save(self, folder: str | Path) -> None:
        """Write what `load` reads, and transformers' `MambaForCausalLM.from_pretrained` as well.

        Raises:
            ArgumentError: the layers are not selective: transformers has no such model.
        """
        if not self.block["selective"]:
            raise ArgumentError.of("selective", False, "True", "Save the state_dict instead.")
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        weights = {
            (name if name.startswith("lm_head") else _PREFIX + name): value.contiguous()
            for name, value in self.state_dict().items()
        }
        write = extra("safetensors.torch", "text").save_file
        write(weights, folder / "model.safetensors", metadata={"format": "pt"})
        (folder / "config.json").write_text(json.dumps(self.config(), indent=2) + "\n")

    def config(self) -> dict[str, Any]:
        """What transformers' `MambaConfig` wants to know."""
        first = self._parts()[0][1]
        return {
            "architectures": ["MambaForCausalLM"], "model_type": "mamba", "vocab_size": self.vocabulary,
            "hidden_size": self.dim, "state_size": first.state, "num_hidden_layers": len(self.layers),
            "layer_norm_epsilon": self.eps, "expand": self.block["expand"], "conv_kernel": self.block["conv"],
            "intermediate_size": first.inner, "use_bias": self.block["bias"], "use_conv_bias": self.block["conv_bias"],
            "hidden_act": "silu", "time_step_rank": first.rank, "tie_word_embeddings": self.lm_head is None,
            "torch_dtype": str(self.embeddings.weight.dtype).removeprefix("torch."),
        }  # fmt: skip

    def _parts(self) -> list[tuple[nn.Module, Mamba]]:
        layers = (cast(nn.ModuleDict, layer) for layer in self.layers)
        return [(layer["norm"], cast(Mamba, layer["mixer"])) for layer in layers]

    def _embedded(self, x: Tensor) -> Tensor:
        return x if x.is_floating_point() else self.embeddings(x)

    def _read(self, x: Tensor) -> Tensor:
        x = self.norm_f(x)
        return x @ self.embeddings.weight.T if self.lm_head is None else self.lm_head(x)

    def __repr__(self) -> str:
        told = {**self.block, "eps": self.eps, "tied": self.lm_head is None}
        named = ", ".join(f"{name}={value!r}" for name, value in told.items())
        return f"MambaLM({self.vocabulary}, {self.dim}, {len(self.layers)}, {named})"


def _arguments(config: dict[str, Any]) -> dict[str, Any]:
    """The constructor's arguments from a configuration of transformers, with its defaults."""
    dim, rank = int(config.get("hidden_size", 768)), config.get("time_step_rank", "auto")
    return {
        "vocabulary": int(config.get("vocab_size", 50280)), "dim": dim,
        "depth": int(config.get("num_hidden_layers", 32)),
        "state": int(config.get("state_size", 16)), "conv": int(config.get("conv_kernel", 4)),
        "expand": int(config.get("expand", 2)), "rank": None if rank == "auto" else int(rank),
        "bias": bool(config.get("use_bias", False)), "conv_bias": bool(config.get("use_conv_bias", True)),
        "eps": float(config.get("layer_norm_epsilon", _EPS)),
    }  # fmt: skip
