"""Print what the story model tells with its attention, with a new mixer in its place, and after distillation.

UNBEND_DATA=... python benchmarks/story_swap.py --steps 200
"""

import argparse

import torch

from unbend.data._files_base import data_file
from unbend.models import load_stories
from unbend.studies.stories_swap import ToldStories, distil, loss_of, main, story_model, swapped


def told(model, tokenizer, tokens: int) -> str:
    start = torch.tensor([tokenizer.encode("Once upon a time")])
    return tokenizer.decode(model.generate(start, tokens)[0].tolist())


def run() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--tokens", type=int, default=60)
    parser.add_argument("--arms", default="linear,based,rebased,lambda,mamba")
    options = parser.parse_args()
    _, tokenizer = load_stories(data_file("stories260k/stories260k.npz", "See unbend.models.load_stories"))
    data, model = ToldStories().load(), story_model()
    print(f"kept      loss {loss_of(model, data):.3f}  {told(model, tokenizer, options.tokens)!r}")
    for name in options.arms.split(","):
        torch.manual_seed(0)
        model = swapped(main.arm(name))
        print(f"{name:9} loss {loss_of(model, data):.3f}  {told(model, tokenizer, options.tokens)!r}")
        distil(model, data, options.steps, 0, lambda: None)
        print(f"  after   loss {loss_of(model, data):.3f}  {told(model, tokenizer, options.tokens)!r}", flush=True)


if __name__ == "__main__":
    run()
