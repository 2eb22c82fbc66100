"""Learning from the data of a project, for its own releases."""

from contextlib import ExitStack

from sunorecsys import backtest, settings, variants
from sunorecsys.errors import SunorecsysError
from sunorecsys.lock import build_lock
from sunorecsys.project import Project
from sunorecsys.scratch import scratch_project
from sunorecsys.tuning import Lab, OnTrial, Tuned, View, tune

# what a listener sees first, and the whole playlist
KS = (10, 30)


def learn(
    project: Project,
    *,
    variant: str,
    replace: bool = False,
    weeks: int = 1,
    minutes: float,
    trials: int | None = None,
    seed: int,
    on_trial: OnTrial | None = None,
) -> Tuned:
    """Learn from the last weeks, and write a variant and a file of settings.

    The last weeks of which all events are there are held out: settings and weights are
    those that would have served them best, each from what was known before it.

    Args:
        project: nobody else builds it meanwhile.
        variant: its new name.
        replace: also if there is one of that name.
        weeks: how many are held out; each takes a build and a copy of the warehouse.
        minutes: how long it may take.
        trials: of each channel at most.
        seed: of the search.
        on_trial: see `sunorecsys.tuning.tune`.

    Raises:
        NoSuchWeek: the data do not hold these weeks.
        SunorecsysError: the variant exists, the time is too short, or a step failed.
    """
    if variant in variants.names(project) and not replace:
        raise SunorecsysError(
            f"There is a variant {variant} in {variants.weights_file(project)}. Choose "
            "another name with --variant, or replace it with --replace."
        )
    source = backtest.source_of(project)
    with build_lock(project.root, "tuning"), ExitStack() as copies:
        days = backtest.event_days(project, source)
        as_ofs = backtest.weeks_of(days, weeks=weeks)
        views = [
            View(
                copies.enter_context(scratch_project(project, source)),
                {
                    "source": "landing",
                    "as_of": str(day),
                    "evaluation_days": backtest.DAYS,
                    "seed": seed,
                },
            )
            for day in as_ofs
        ]
        lab = Lab(views, KS)
        tuned = tune(
            lab, seconds=60 * minutes, trials=trials, seed=seed, on_trial=on_trial
        )
    kept = max(
        int(project.variables()["similar_songs_kept"]),
        int(tuned.settings.get("top_k_per_seed", 0)),
    )
    tuned.settings.update({"variant": variant, "similar_songs_kept": kept})
    variants.write_weights(project, variant, tuned.weights)
    settings.write(
        settings.file_of(project, variant),
        tuned.settings,
        comment=(
            f"Learned from {weeks * backtest.DAYS} days from {as_ofs[0]}: nDCG "
            f"{tuned.before['blended']:.4f} before, {tuned.after['blended']:.4f} "
            "with these."
        ),
    )
    return tuned
