"""`python -m emolightning report run=outputs/demo [figures=svg] [data=...]`: write a page again, and its figures.

The folder is that of an evaluation, or what `score`, `compare`, `ablate`, `robustness` or `seeds=[...]` has written.
Nothing is answered or scored again. Pictures come from the clips, where they still are. An evaluation on other data
than the run's needs the same data=... here. `figures=svg` or `figures=png` also writes each drawing as a file, into the
folder's `figures/`.
"""

from functools import partial
from pathlib import Path

from omegaconf import DictConfig

from emolightning.commands.cli import orderly, refuse_usage, run
from emolightning.config.check import check_config


def main(argv: list[str]) -> int:
    """Compose the run's configuration as eval.py does, then write the page; other folders have all in their file."""
    from emolightning.runs.report.other_pages import files_of, is_scored, kind_of

    forms = [word.removeprefix("figures=") for word in argv if word.startswith("figures=")]
    words = [word for word in argv if not word.startswith("figures=")]
    folders = [Path(word.removeprefix("run=")) for word in words if word.startswith("run=")]
    form = forms[-1] if forms else None
    if folders and (kind := kind_of(folders[-1])):
        if others := [word for word in words if not word.startswith("run=")]:
            refuse_usage(
                f"{others[0]}: a page of {files_of(folders[-1], kind)[0].name} takes run=FOLDER and figures=svg alone"
            )
        return orderly(partial(_other, folders[-1], kind, form))
    if folders and is_scored(folders[-1]) and len(words) == 1:
        return orderly(partial(_other, folders[-1], None, form))
    words = [f"checkpoint={word.removeprefix('run=')}" if word.startswith("run=") else word for word in words]
    return run(partial(report, form=form), "eval", words)


def report(cfg: DictConfig, *, form: str | None = None) -> int:
    """Write the page of the evaluation that lies in the run folder."""
    check_config(cfg)
    from emolightning.runs.report.figure_files import require_form

    if form is not None:
        require_form(form)
    from emolightning.runs.assembly_of_data import make_corpus
    from emolightning.runs.report.collect import write_report

    print(write_report(Path(cfg.output_dir), make_corpus(cfg).source.read_clips()))
    if form is not None:
        from emolightning.benchmarks.published.measured import read_report
        from emolightning.runs.report.figure_files import write_figures
        from emolightning.runs.report.figures import drawings

        folder = Path(cfg.output_dir)
        for file in write_figures(folder, drawings(read_report(folder / "metrics.json")), form):
            print(file)
    return 0


def _other(folder: Path, kind: str | None, form: str | None) -> int:
    from emolightning.runs.report.figure_files import require_form, write_figures
    from emolightning.runs.report.other_pages import write_other_page, write_scored_page

    if form is not None:
        require_form(form)
    path, drawings = write_other_page(folder, kind) if kind else write_scored_page(folder)
    print(path)
    for file in write_figures(folder, drawings, form) if form is not None else ():
        print(file)
    return 0
