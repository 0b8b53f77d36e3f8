"""Draw the README's picture, docs/assets/lambda.svg, from the recorded verdicts: `python docs/_picture.py`."""

import json
from pathlib import Path

import altair as alt
import vl_convert

ROOT = Path(__file__).parents[1]
COLOURS = {"holds": "#2a7f3f", "inconclusive": "#9a6a00", "does not hold": "#b3261e"}


def picture(study: str) -> str:
    """The gain of every claim of a recorded study with its 95 % interval, as SVG."""
    result = json.loads((ROOT / "results" / f"{study}.json").read_text())
    rows = [
        {
            "claim": f"{claim['claim']} ({claim['a']} {claim['relation']} {claim['b']})",
            "verdict": claim["verdict"],
            **{name: 100 * claim[name] for name in ("mean", "low", "high")},
        }
        for claim in result["claims"]
    ]
    order = [row["claim"] for row in rows]
    y = alt.Y("claim:N", sort=order, title=None, axis=alt.Axis(labelLimit=420, labelFontSize=12))
    colour = alt.Color("verdict:N", scale=alt.Scale(domain=list(COLOURS), range=list(COLOURS.values())), title=None)
    base = alt.Chart(alt.Data(values=rows)).encode(y=y, color=colour)
    lines = base.mark_rule(strokeWidth=3).encode(
        x=alt.X("low:Q", title="gain in accuracy, percentage points"), x2="high:Q"
    )
    dots = base.mark_point(filled=True, size=90, opacity=1).encode(x="mean:Q")
    zero = alt.Chart(alt.Data(values=[{"at": 0}])).mark_rule(strokeDash=[4, 3]).encode(x="at:Q")
    seeds = min(claim["seeds"] for claim in result["claims"])
    title = f"unbend study {study}: {seeds} paired seeds, 95 % intervals, reduced scale"
    chart = (zero + lines + dots).properties(width=360, height=26 * len(rows), title=title, background="white")
    return vl_convert.vegalite_to_svg(chart.to_dict())


if __name__ == "__main__":
    target = ROOT / "docs" / "assets" / "lambda.svg"
    target.parent.mkdir(exist_ok=True)
    target.write_text(picture("lambda") + "\n")
