"""Formulas for a browser: well-formed, grouped as they are computed, and escaped."""

import re
from xml.etree import ElementTree

import pytest

from unbend.activations import catalogue
from unbend.study._mathml import mathml


def read(formula: str) -> str:
    """What is read aloud, from left to right; the invisible signs and the elements left out."""
    text = "".join(ElementTree.fromstring(mathml(formula)).itertext())
    return re.sub("[\u2061\u2062\\s]", "", text)


@pytest.mark.parametrize(
    ("formula", "shown"),
    [
        ("x*tanh(softplus(x))", "xtanh(softplus(x))"),
        ("x * exp(-exp(-gamma * x))", "xexp(−e−γx)"),
        ("a-(b-c)", "a−(b−c)"),
        ("a-b-c", "a−b−c"),
        ("a*(b+c)", "a(b+c)"),
        ("(a+b)**2", "(a+b)2"),
        ("-x**2", "−x2"),
        ("(-x)**2", "(−x)2"),
        ("2**x", "2x"),
        ("x*2", "x·2"),
        ("abs(x)+sqrt(x)", "|x|+x"),
        ("log1p(x)", "ln(1+x)"),
        ("1e-30*x", "10−30x"),
        ("where(x>=0,x,where(x<-1,a,b))", "xx≥0ax<−1botherwise"),
        ("Phi(x)*pi", "Φ(x)π"),
        ("lambda_1*x+w2", "λ1x+w2"),
        ("a*expm1(x)", "a(ex−1)"),
        ("expm1(exp(x))", "exp(ex)−1"),
        ("sum_j(x_i)", "∑j(xi)"),
    ],
)
def test_reads_as_it_is_computed(formula, shown):
    assert read(formula) == shown


def test_lines_of_assignments_stand_below_each_other():
    root = ElementTree.fromstring(mathml("g = a * x\ny = g * tanh(g)"))
    assert len(root.findall("./mtable/mtr")) == 2


def test_fractions_powers_and_roots_are_set_as_such():
    tags = {element.tag for element in ElementTree.fromstring(mathml("x/(1+x)**2+sqrt(x)")).iter()}
    assert {"mfrac", "msup", "msqrt"} <= tags
    assert all(len(element) == 2 for element in ElementTree.fromstring(mathml("sin(a*x)**2/a")).iter("msup"))


def test_indices_stand_below():
    root = ElementTree.fromstring(mathml("lambda_1 + x_i + softmax(x)"))
    assert [[part.text for part in sub] for sub in root.iter("msub")] == [["λ", "1"], ["x", "i"]]


def test_words_stay_words_and_are_escaped():
    assert mathml("sort <b> inside & out") == '<span class="words">sort &lt;b&gt; inside &amp; out</span>'
    assert mathml("x if x else 1").startswith('<span class="words">')


def test_every_formula_of_a_bend_is_set():
    for entry in catalogue().values():
        text = mathml(entry.formula)
        ElementTree.fromstring(text)
        assert text.startswith("<math") or entry.kind == "vector", entry.name
