"""Three kinds of weather over the same digits."""

import torch

from unbend.data import load


def test_contents_are_the_same_on_every_machine() -> None:
    assert load("weathered-digits").hash.startswith("4182da6c")


def test_each_digit_stands_behind_each_weather() -> None:
    data = load("weathered-digits")
    for (x, y), digits in ((data.train, 1197), (data.test, 600)):
        snow, rain, fog = (x.flatten(1) - y).split(digits)
        assert torch.equal(y[:digits], y[digits : 2 * digits])
        assert 0 <= float(y.min()) < float(y.max()) <= 1
        assert abs(float(snow.std()) - 0.3) < 0.01
        assert abs(float(snow.mean())) < 0.01
        assert abs(float((rain > 0.3).double().mean()) - 0.25) < 1e-6
        assert bool((((rain - 0.6).abs() < 2e-4) | (rain.abs() < 2e-4)).all())
        ranges = [part.amax(1) - part.amin(1) for part in (x.flatten(1)[2 * digits :], y[2 * digits :])]
        ratio = ranges[0] / ranges[1]
        assert 0.19 < float(ratio.min()) < float(ratio.max()) < 0.51
        assert abs(float(fog.mean())) > 0.1
