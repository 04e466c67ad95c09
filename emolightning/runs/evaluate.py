"""What `eval.py` does with a checked configuration, in order."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from emolightning.data.checkup.unusable import Skipped, counted, record, refusal_of_share
from emolightning.data.loading.corpus import Corpus
from emolightning.errors import InputErrors, UserError
from emolightning.files.writing import write_json, writing
from emolightning.models.parts.adapter import DESCRIPTION, write_scores
from emolightning.models.parts.card import has_random_base
from emolightning.models.parts.parameters import parts, state_hash, trained_state
from emolightning.records.clips import Answer, Score
from emolightning.records.report import Report
from emolightning.runs.answers import ANSWERS, evaluation_key, join, known_answers, set_aside_other, take_back
from emolightning.runs.as_trained import training_differences
from emolightning.runs.endings.guard import guarded
from emolightning.runs.endings.out_of_memory import explained_out_of_memory
from emolightning.runs.lineage import describe_process, save_config
from emolightning.runs.ranks import are_others_started
from emolightning.runs.report.collect import write_evaluated
from emolightning.runs.report.table import print_metrics
from emolightning.runs.run import EvaluationFacts, Run
from emolightning.runs.vision_pass import with_vision
from emolightning.runs.wandb_record import EvaluationRecord, wandb_of
from emolightning.runs.weights import averaged_by, load_weights
from emolightning.scoring.annotators import with_annotators
from emolightning.scoring.classification import Classification
from emolightning.scoring.dimensions import add_dimension
from emolightning.scoring.likelihood import Fitted, likelihood_section
from emolightning.scoring.metrics.dimensions import HIGH, LOW
from emolightning.scoring.predictions import Predictions
from emolightning.scoring.scoring import scores_of
from emolightning.scoring.slices import with_slices
from emolightning.scoring.warnings import FEW_CLIPS, warnings_of
from emolightning.training.learner import EmotionLearner
from emolightning.training.run_folder import BEST, RunFolder


def evaluate(run: Run[EvaluationFacts]) -> dict[str, Any]:
    """Answer the clips of a split, score the answers, write and print the result.

    Returns:
        The content of `metrics.json`.
    """
    facts, trainer, corpus, writer = run.facts, run.trainer, run.data.corpus, run.facts.writer
    folder, clips = facts.output_dir, corpus.clips_of(facts.split)
    with explained_out_of_memory(facts.load, trains=False):
        learner = run.make_learner()
    description: dict[str, Any] = {}
    fitted = None
    model = describe_model(run, learner)  # While it is whole: a precomputed vision leaves out its tower.
    if facts.rank == 0:  # Its weights go to the others when the loop starts.
        if facts.weights is not None:
            load_weights(learner.model, facts.weights, own=learner.base_fingerprints)
            if (decay := averaged_by(facts.weights)) is not None:
                print(f"note: these weights are the moving average of a training's (ema_decay={decay:g})")
        description = describe_evaluation(run, learner)
        if facts.validation is not None:
            fitted = facts.validation.fitted(corpus.source.labels, description)
        for difference in training_differences(facts.trained, corpus):
            print(f"note: {difference}")
        if len(clips) < min(FEW_CLIPS, len(corpus.clips)):
            print(f"note: split={facts.split} has {len(clips)} of the {len(corpus.clips)} clips; split=all takes all")
        writer.key = evaluation_key(description)
        _prepare_folder(facts, writer.key, corpus.skipped)
        writer.known = frozenset(known_answers(folder, writer.key))
    record = EvaluationRecord(wandb_of(trainer.loggers) if trainer.is_global_zero else None, folder, writer.key)
    if facts.rank == 0:
        record.begun()
    reported = record.running(run_name=facts.config["run_name"], config=dict(facts.config))
    with guarded(facts.load, trainer, trains=False, reported=reported):
        # Other processes do not know what is answered, and would wait.
        if len(writer.known) < len(clips) or are_others_started(trainer):
            trainer.test(learner, datamodule=with_vision(run, learner, clips), verbose=False)
        if not trainer.is_global_zero:
            return {}
        report, scored = _finish(run, writer.key, description, model, remarks=learner.model.remarks(), fitted=fitted)
        record.log(report, scored, corpus, checkpoint=facts.checkpoint)
    return report


def refuse_skipped(corpus: Corpus, split: str) -> None:
    """Scores say which clips they are of: those of a benchmark are of all its clips, others of nearly all.

    Raises:
        InputErrors: clips of the split are skipped, of a benchmark any and else too many.
    """
    skipped, source = corpus.skipped_of(split), corpus.source
    total = sum(split in ("all", clip.split) for clip in corpus.clips) + len(skipped)
    refused = refusal_of_share(len(skipped), total, corpus.reading.max_skipped)
    if skipped and source.official is not None:
        refused = (
            f"scores without these clips are not those of {source.benchmark}, so data.on_error=skip is refused here; "
            "repair the files, or read the usable clips with data=custom, which scores them under its own name"
        )
    if refused:
        problems = [f"{clip.id}: {clip.reason}" for clip in skipped]
        raise InputErrors(f"data={source.name}, split={split}", problems, note=f"{counted(skipped, total)}; {refused}")


def require_whole_split(trainer: Any) -> None:
    """Refuse a limit: scores are over all clips of a split.

    Raises:
        UserError: Lightning's trainer would leave some out.
    """
    is_whole = (
        isinstance(trainer.limit_test_batches, float) and trainer.limit_test_batches == 1
    )  # An int counts batches.
    if not is_whole or trainer.fast_dev_run:
        raise UserError(
            "trainer.limit_test_batches or trainer.fast_dev_run is set, but an evaluation answers all clips of its "
            "split; leave both out, or choose fewer clips with split=... or data=...; an evaluation that was "
            "interrupted goes on when it is started again"
        )


def describe_evaluation(run: Run[EvaluationFacts], learner: EmotionLearner) -> dict[str, Any]:
    """Everything an answer depends on: the key of the evaluation, and part of `metrics.json`. No paths, no clock."""
    facts, corpus, shuffle = run.facts, run.data.corpus, run.data.shuffle
    summary = corpus.summary()
    return {
        "weights_sha256": state_hash(trained_state(learner.model)),
        "base_fingerprints": learner.base_fingerprints,
        "benchmark": corpus.source.benchmark,
        "split": facts.split,
        "annotations_sha256": summary["annotations_sha256"],
        "features_sha256": summary["features_sha256"],
        "zero_features": summary["zero_features"],
        **({"without": sorted(clip.id for clip in corpus.skipped)} if corpus.skipped else {}),
        "labels": list(corpus.source.labels),
        "inputs": list(corpus.inputs),
        "shuffle": list(shuffle),
        # Of the exchange, and of sampling; neither means anything to an evaluation without them.
        "shuffle_seed": corpus.source.seed if shuffle else None,
        **({"perturb": corpus.perturbing.description()} if corpus.perturbing else {}),
        "sampling_seed": facts.sampling_seed,
        "frame": str(corpus.reading.frame),
        # What is not set is no part of the key, so that answers saved without such a setting are found.
        "prompt": {
            name: value for name, value in facts.config["prompt"].items() if value or name not in ("questions", "scale")
        },
        **{name: facts.config[name] for name in ("precompute_dtype", "probabilities") if facts.config.get(name)},
        "generation": facts.config["evaluation"],
        **({"likelihood": found} if any((found := _how_likely(facts)).values()) else {}),
        **learner.model.identity(),
    }


def _how_likely(facts: EvaluationFacts) -> dict[str, bool]:
    """What log-probabilities depend on; what is fitted is fitted to them."""
    asked = facts.config.get("likelihood", {})
    return {name: asked.get(name, False) for name in ("length_normalised", "prior_correction")}


def _likelihood(
    run: Run[EvaluationFacts], answers: Sequence[Answer], scores: Sequence[Score], fitted: Fitted | None
) -> dict[str, Any] | None:
    """What the likeliest labels are worth, where that was asked for."""
    has_them = all(answer.probabilities is not None for answer in answers)
    if not has_them or not isinstance(run.scoring, Classification):
        return None
    return likelihood_section(answers, scores, run.scoring, sampling=run.facts.sampling, fitted=fitted)


def _prepare_folder(facts: EvaluationFacts, key: str, skipped: Sequence[Skipped]) -> None:
    folder = facts.output_dir
    with writing(f"output_dir={folder}"):
        folder.mkdir(parents=True, exist_ok=True)
    moved = set_aside_other(folder, key)
    take_back(folder, key)
    for aside in moved:
        print(f"answers of an earlier, different evaluation are now in {aside}")
    if not (folder / "config.yaml").exists():  # An evaluation in a folder of its own says where it comes from.
        save_config(facts.config, folder / "config.yaml")
        lineage = {**describe_process(sys.argv), "parent_checkpoint": facts.checkpoint, "data": record(skipped)}
        write_json(folder / "lineage.json", lineage)


def _tell_card(facts: EvaluationFacts, report: dict[str, Any]) -> None:
    """The card of the adapter that was evaluated says its scores on the test split."""
    run = RunFolder(facts.output_dir)
    # In a run folder from elsewhere a link could lead to any folder.
    is_its_own = facts.weights in (run.adapter, run.checkpoints / BEST) and not run.adapter.is_symlink()
    is_changed = facts.config["shuffle"] or report["evaluation"].get("perturb")
    if is_its_own and facts.split == "test" and not is_changed and (run.adapter / DESCRIPTION).is_file():
        write_scores(run.adapter, report)


def describe_model(run: Run[EvaluationFacts], learner: EmotionLearner) -> dict[str, Any]:
    """What tables of several systems say about a model; of one that runs elsewhere its size is not known."""
    facts, counted = run.facts, parts(learner.model)
    sizes = {
        "num_parameters": sum(part.total for part in counted),
        "num_trained": sum(part.trained for part in counted),
    }
    if facts.checkpoint is None:
        training: dict[str, Any] = {"trained_on": None}
    else:
        training = {"trained_on": facts.trained["dataset"]} if facts.trained.get("dataset") else {}
    return {
        "has_random_base": has_random_base(facts.config["model"]),
        **(sizes if sizes["num_parameters"] else {}),
        **training,
        "evaluated_on": run.data.corpus.source.name,
    }


def _scored(run: Run[EvaluationFacts], answers: Sequence[Answer], scores: Sequence[Score]) -> tuple[Report, list[str]]:
    """The scores, with that of valence where the model gives it and clips have one; or a sentence why not."""
    facts, scoring, corpus = run.facts, run.scoring, run.data.corpus
    report = scoring.report(
        answers, scores, benchmark=corpus.source.benchmark, split=facts.split, sampling=facts.sampling
    )
    report = with_slices(report, answers, scores, scoring.reader, facts.attributes, facts.sampling)
    report = with_annotators(report, corpus.source.votes, answers, scores, scoring, facts.sampling)
    said = [answer.valence for answer in answers]
    true = [clip.valence for clip in corpus.clips_of(facts.split)]
    known = [value for value in true if value is not None]
    if scoring.reader is None or not known or all(value is None for value in said):
        return report, []
    if off := [value for value in known if not LOW <= value <= HIGH]:
        return report, [f"valence is not scored: a clip has {off[0]:g}, and the scale is from {LOW:g} to {HIGH:g}"]
    written, told = ([None if value is None else repr(value) for value in values] for values in (said, true))
    place, lines = facts.output_dir / ANSWERS, list(range(1, len(answers) + 1))
    predictions = Predictions(list(answers), lines, place, lines, place, dimensions={"valence": (written, told)})
    return add_dimension(report, predictions, scores, scoring.reader.labels, sampling=facts.sampling), []


def _finish(
    run: Run[EvaluationFacts],
    key: str,
    description: dict[str, Any],
    model: dict[str, Any],
    *,
    remarks: Sequence[str],
    fitted: Fitted | None,
) -> tuple[dict[str, Any], list[tuple[Answer, Score]]]:
    """One answers file in the order of the split, and the scores of all of it: here each answer is scored, once."""
    facts, scoring, corpus = run.facts, run.scoring, run.data.corpus
    folder, clips = facts.output_dir, corpus.clips_of(facts.split)
    known = known_answers(folder, key)
    # Answers that were produced before may carry the truth of another scoring.
    answers = [replace(known[clip.id], truth=scoring.truth(clip)) for clip in clips]
    scores = scores_of(scoring, answers)
    join(folder, key, answers, scores)
    scored_report, unscored_valence = _scored(run, answers, scores)
    report = replace(
        scored_report,
        evaluation=description,
        likelihood=_likelihood(run, answers, scores, fitted),
        data={
            "official_differences": corpus.official_differences(),
            "training_differences": training_differences(facts.trained, corpus),
            "remarks": [*corpus.source.remarks, *corpus.vector_remarks, *remarks, *unscored_valence],
        },
        model=model,
        **record(corpus.skipped_of(facts.split)),
    )
    content = replace(report, warnings=warnings_of(report.content())).content()
    scored = list(zip(answers, scores, strict=True))
    write_json(folder / "metrics.json", content)
    _tell_card(facts, content)
    print_metrics(content)
    page = write_evaluated(folder, content, corpus.clips, scored)
    print(f"answers: {folder / 'answers.jsonl'}\nscores:  {folder / 'metrics.json'}\nreport:  {page}")
    return content, scored
