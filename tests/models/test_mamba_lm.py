"""The Mamba language model: equal logits with transformers in both directions, decoding, refusals."""

import json

import pytest
import torch

from unbend.models import MambaLM

transformers = pytest.importorskip("transformers")
TOKENS = torch.randint(0, 23, (2, 37), generator=torch.Generator().manual_seed(0))


def peer(**options: object):
    torch.manual_seed(0)
    told = {"vocab_size": 23, "hidden_size": 20, "state_size": 5, "num_hidden_layers": 3, "expand": 2, **options}
    model = transformers.MambaForCausalLM(transformers.MambaConfig(**told)).eval()
    with torch.no_grad():
        for p in model.parameters():
            p += 0.05 * torch.randn_like(p)
    return model


@pytest.mark.parametrize(
    "options", [{}, {"use_bias": True, "time_step_rank": 3}, {"use_conv_bias": False}, {"tie_word_embeddings": False}]
)
@torch.no_grad()
def test_logits_equal_those_of_transformers_both_ways(options, tmp_path) -> None:
    theirs = peer(**options)
    theirs.save_pretrained(tmp_path / "theirs")
    ours = MambaLM.load(tmp_path / "theirs")
    expected = theirs(TOKENS).logits
    torch.testing.assert_close(ours(TOKENS), expected, rtol=1e-4, atol=1e-5)
    ours.save(tmp_path / "ours")
    again = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "ours").eval()
    torch.testing.assert_close(again(TOKENS).logits, expected)
    torch.testing.assert_close(MambaLM.load(tmp_path / "ours")(TOKENS), ours(TOKENS))


@torch.no_grad()
def test_it_generates_what_transformers_generates() -> None:
    theirs = peer()
    ours = MambaLM(23, 20, 3, state=5).eval()
    weights = {name.removeprefix("backbone."): value for name, value in theirs.state_dict().items()}
    ours.load_state_dict({name: value for name, value in weights.items() if name != "lm_head.weight"})
    expected = theirs.generate(TOKENS, max_new_tokens=12, do_sample=False, eos_token_id=None, pad_token_id=0)
    assert torch.equal(ours.generate(TOKENS, 12), expected)


@torch.no_grad()
def test_steps_and_chunks_equal_the_whole() -> None:
    model = MambaLM(23, 12, 2, dtype=torch.float64)
    whole, state, outputs = model(TOKENS), model.init_state(2), []
    for part in TOKENS[:, :20].split([1, 7, 12], 1):
        y, state = model.advance(part, state)
        outputs.append(y)
    for token in TOKENS[:, 20:].unbind(1):
        y, state = model.step(token, state)
        outputs.append(y[:, None])
    torch.testing.assert_close(torch.cat(outputs, 1), whole)


def test_drawn_tokens_follow_the_seed() -> None:
    model = MambaLM(23, 12, 2)
    drawn = [
        model.generate(TOKENS, 9, temperature=1.0, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    ]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert torch.equal(model.generate(TOKENS, 0), TOKENS)


def test_what_it_cannot_do_is_refused(tmp_path) -> None:
    with pytest.raises(ValueError, match="folder: got"):
        MambaLM.load(tmp_path)
    with pytest.raises(ValueError, match="selective: got False"):
        MambaLM(5, 4, 1, selective=False).save(tmp_path)
    MambaLM(5, 4, 1).save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "hidden_act": "relu"}))
    with pytest.raises(ValueError, match="hidden_act: got relu"):
        MambaLM.load(tmp_path)
    with pytest.raises(ValueError, match="tokens: got shape"):
        MambaLM(5, 4, 1).generate(torch.zeros(2, 0, dtype=torch.int64), 3)
