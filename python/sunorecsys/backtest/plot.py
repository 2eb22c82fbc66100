"""A picture of a backtest: nDCG by week."""

from datetime import timedelta
from pathlib import Path

from sunorecsys.backtest import Backtest, K
from sunorecsys.errors import SunorecsysError, UsageError
from sunorecsys.landing import replacing

ENDINGS = (".svg", ".png")

# after Okabe and Ito (2008): told apart by people who are colour-blind
_COLORS = {
    "discover_weekly": "#000000",
    "blended": "#D55E00",
    "item_cf": "#0072B2",
    "user_cf": "#009E73",
    "content": "#E69F00",
    "prompt": "#CC79A7",
    "popularity": "#999999",
}


def require(path: Path) -> None:
    """Check, before hours of work, that a plot can be written.

    Raises:
        UsageError: the name does not end in .svg or .png.
        SunorecsysError: matplotlib is not installed, or there is no such folder.
    """
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(f"--plot is {str(path)!r}; end it in .svg or .png.")
    if not path.resolve().parent.is_dir():
        raise SunorecsysError(
            f"{path} cannot be written: there is no folder {path.resolve().parent}. "
            "Make it first."
        )
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise SunorecsysError(
            "A plot needs matplotlib, which is not installed. Install it with "
            "\"pip install 'sunorecsys[plot]'\"."
        ) from error


def draw(found: Backtest, path: Path) -> None:
    """Write nDCG@10 by week and recommender, with 95 % intervals, as SVG or PNG.

    The same backtest makes the same file.

    Raises:
        SunorecsysError: the file cannot be written.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    kind = path.suffix.lower().removeprefix(".")
    with mpl.rc_context({"svg.hashsalt": "sunorecsys", "svg.fonttype": "path"}):
        figure = Figure(figsize=(9, 5), layout="constrained")
        axes = figure.add_subplot()
        rows = [r for r in found.by_week if (r["metric"], r["k"]) == ("ndcg", K)]
        names = sorted(
            {row["recommender"] for row in rows},
            key=lambda name: list(_COLORS).index(name) if name in _COLORS else 99,
        )
        for number, name in enumerate(names):
            of = {row["as_of"]: row for row in rows if row["recommender"] == name}
            # beside each other, so that no interval hides another
            beside = (number - (len(names) - 1) / 2) * 0.08
            weeks = [n + beside for n, week in enumerate(found.weeks) if week in of]
            values = [of[week]["value"] for week in found.weeks if week in of]
            errors = [
                1.96 * (of[week]["standard_error"] or 0)
                for week in found.weeks
                if week in of
            ]
            lows = [min(e, v) for e, v in zip(errors, values, strict=True)]
            color = _COLORS.get(name, "#56B4E9")
            axes.plot(weeks, values, color=color, linewidth=1, alpha=0.3)
            axes.errorbar(
                weeks,
                values,
                yerr=[lows, errors],
                label=name,
                color=color,
                linestyle="none",
                marker="o",
                markersize=5,
                elinewidth=1.2,
                capsize=2,
                clip_on=False,
            )
        axes.set_xticks(
            range(len(found.weeks)),
            [f"{week:%d %b}–{week + timedelta(days=6):%d %b}" for week in found.weeks],
        )
        axes.set_xlim(-0.5, len(found.weeks) - 0.5)
        axes.set_ylim(bottom=0)
        axes.set_ylabel(f"nDCG@{K}, mean over listeners")
        axes.set_title(
            f"How well lists foresaw the week after them ({found.source}, "
            f"variant {found.variant}; bars: 95 %)",
            loc="left",
            fontsize=10,
        )
        axes.grid(axis="y", color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(
            loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=9
        )
        metadata = {"Date": None} if kind == "svg" else {"Software": None}
        try:
            with replacing(path.resolve()) as aside:
                figure.savefig(aside, format=kind, dpi=150, metadata=metadata)
        except OSError as error:
            raise SunorecsysError(
                f"{path} cannot be written: {error.strerror or error}. Name another "
                "file."
            ) from error
