"""What `eval.py` does with a checked configuration, in order."""

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor

from emolightning.config.sources import chosen
from emolightning.data.checkup.unusable import Skipped, counted, record, refusal_of_share
from emolightning.data.loading.datamodule import ClipDataModule
from emolightning.errors import InputErrors, UserError
from emolightning.files.writing import require_writable, write_json, writing
from emolightning.models.parts.card import has_random_base
from emolightning.models.parts.parameters import trained_state
from emolightning.records.clips import Answer, Score
from emolightning.runs.answer_writer import AnswerWriter
from emolightning.runs.answers import evaluation_key, join, known_answers, set_aside_other, take_back
from emolightning.runs.as_trained import training_differences
from emolightning.runs.assembly import (
    build_data,
    build_learner,
    build_scoring,
    build_trainer,
    inputs_of,
    plain,
    save_config,
)
from emolightning.runs.endings.guard import guarded
from emolightning.runs.endings.out_of_memory import explained_out_of_memory
from emolightning.runs.lineage import describe_process
from emolightning.runs.positions import require_room
from emolightning.runs.quiet import quiet_libraries, quiet_other_ranks
from emolightning.runs.ranks import are_others_started, own_rank, require_hardware, require_srun, set_num_threads
from emolightning.runs.report.collect import write_evaluated
from emolightning.runs.report.table import print_metrics
from emolightning.runs.vision_pass import precompute_vision
from emolightning.runs.wandb_record import EvaluationRecord, wandb_of
from emolightning.runs.weights import (
    check_inputs,
    find_weights,
    inputs_of_widths,
    load_weights,
    require_same_model,
    trained_widths,
)
from emolightning.scoring.scoring import Scoring, require_comparable
from emolightning.scoring.warnings import warnings_of
from emolightning.training.learner import EmotionLearner


def evaluate(cfg: DictConfig) -> dict[str, Any]:
    """Answer the clips of a split, score the answers, write and print the result.

    Returns:
        The content of `metrics.json`.
    """
    quiet_libraries()
    rank = own_rank()
    quiet_other_ranks(rank)
    require_srun(cfg.trainer.devices, cfg.trainer.num_nodes)
    require_hardware(cfg.trainer.accelerator, cfg.trainer.devices, cfg.trainer.num_nodes, chosen=chosen("trainer"))
    set_num_threads(cfg.num_threads)
    folder = Path(cfg.output_dir)
    if rank == 0:
        require_writable(folder, "output_dir")
    weights = find_weights("checkpoint", Path(cfg.checkpoint))
    require_same_model("checkpoint", Path(cfg.checkpoint), plain(cfg.model), is_evaluated=True)
    scoring = build_scoring(cfg)
    writer = AnswerWriter(folder, split=cfg.split)
    trainer = build_trainer(cfg, callbacks=[writer])
    require_whole_split(trainer)
    data = build_data(cfg, shuffle=tuple(cfg.shuffle))
    refuse_skipped(data, cfg.split)
    clips = data.clips_of(cfg.split)
    require_comparable(clips, scoring, cfg.split)
    trained = trained_widths(weights)
    check_inputs(trained, data.inputs, data.feature_widths, weights)
    require_room(cfg, data, (cfg.split,))
    with explained_out_of_memory(cfg, trains=False):
        learner = build_learner(cfg, data, sees=inputs_of_widths(trained), is_empty=rank > 0)
    description = {}
    if rank == 0:  # Its weights go to the others when the loop starts.
        load_weights(learner, weights)
        description = describe_evaluation(cfg, data, learner)
        for difference in training_differences(cfg.trained or {}, data):
            print(f"note: {difference}")
        writer.key = evaluation_key(description)
        _prepare_folder(cfg, folder, writer.key, data.skipped)
        writer.known = frozenset(known_answers(folder, writer.key))
    record = EvaluationRecord(wandb_of(trainer.loggers) if trainer.is_global_zero else None, folder, writer.key)
    reported = record.running(run_name=cfg.run_name, config=plain(cfg))
    with guarded(cfg, trainer, trains=False, reported=reported):
        # Other processes do not know what is answered, and would wait.
        if len(writer.known) < len(clips) or are_others_started(trainer):
            precompute_vision(cfg, data, learner, clips, trainer.strategy.root_device)
            trainer.test(learner, datamodule=data, verbose=False)
        if not trainer.is_global_zero:
            return {}
        report, scored = _finish(cfg, folder, writer.key, data, scoring, description)
        record.log(report, scored, data, checkpoint=cfg.checkpoint)
    return report


def refuse_skipped(data: ClipDataModule, split: str) -> None:
    """Scores say which clips they are of: those of a benchmark are of all its clips, others of nearly all.

    Raises:
        InputErrors: clips of the split are skipped, of a benchmark any and else too many.
    """
    skipped = data.skipped_of(split)
    total = sum(split in ("all", clip.split) for clip in data.clips) + len(skipped)
    refused = refusal_of_share(len(skipped), total, data.max_skipped)
    if skipped and data.official is not None:
        refused = (
            f"scores without them are not those of {data.benchmark}, so data.on_error=skip is refused here; mend the "
            "files, or read the clips that there are as data=custom, which scores them under its own name"
        )
    if refused:
        problems = [f"{clip.id}: {clip.reason}" for clip in skipped]
        raise InputErrors(f"data={data.name}, split={split}", problems, note=f"{counted(skipped, total)}; {refused}")


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
            "trainer.limit_test_batches and trainer.fast_dev_run: an evaluation answers all clips of its split, and "
            "continues when it was interrupted; leave them out, or choose other clips with split=... or data=..."
        )


def describe_evaluation(cfg: DictConfig, data: ClipDataModule, learner: EmotionLearner) -> dict[str, Any]:
    """Everything an answer depends on: the key of the evaluation, and part of `metrics.json`. No paths, no clock."""
    summary = data.summary()
    return {
        "weights_sha256": state_hash(trained_state(learner.model)),
        "base_fingerprints": learner.base_fingerprints,
        "benchmark": data.benchmark,
        "split": cfg.split,
        "annotations_sha256": summary["annotations_sha256"],
        "features_sha256": summary["features_sha256"],
        "zero_features": summary["zero_features"],
        **({"without": sorted(clip.id for clip in data.skipped)} if data.skipped else {}),
        "labels": list(data.labels),
        "inputs": list(inputs_of(cfg)),
        "shuffle": list(cfg.shuffle),
        # Of the exchange, and of sampling; neither means anything to an evaluation without them.
        "shuffle_seed": data.seed if cfg.shuffle else None,
        "sampling_seed": cfg.seed if cfg.evaluation.do_sample else None,
        "frame": data.frame,
        "prompt": plain(cfg.prompt),
        "generation": plain(cfg.evaluation),
    }


def state_hash(state: dict[str, Tensor]) -> str:
    """sha256 over names and values of trained tensors."""
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(name.encode())
        digest.update(state[name].contiguous().cpu().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _prepare_folder(cfg: DictConfig, folder: Path, key: str, skipped: Sequence[Skipped]) -> None:
    with writing(f"output_dir={folder}"):
        folder.mkdir(parents=True, exist_ok=True)
    moved = set_aside_other(folder, key)
    take_back(folder, key)
    for aside in moved:
        print(f"answers of an earlier, different evaluation are now in {aside}")
    if not (folder / "config.yaml").exists():  # An evaluation in a folder of its own says where it comes from.
        save_config(cfg, folder / "config.yaml")
        lineage = {**describe_process(sys.argv), "parent_checkpoint": cfg.checkpoint, "data": record(skipped)}
        write_json(folder / "lineage.json", lineage)


def _finish(
    cfg: DictConfig, folder: Path, key: str, data: ClipDataModule, scoring: Scoring, description: dict[str, Any]
) -> tuple[dict[str, Any], list[tuple[Answer, Score]]]:
    """One answers file in the order of the split, and the scores of all of it: here each answer is scored, once."""
    known, clips = known_answers(folder, key), data.clips_of(cfg.split)
    # Answers that were produced before may carry the truth of another scoring.
    answers = [replace(known[clip.id], truth=scoring.truth(clip)) for clip in clips]
    scores = [scoring.score(answer) for answer in answers]
    join(folder, key, answers, scores)
    report = replace(
        scoring.report(answers, scores, benchmark=data.benchmark, split=cfg.split),
        evaluation=description,
        data={
            "official_differences": data.official_differences(),
            "training_differences": training_differences(cfg.trained or {}, data),
            "remarks": data.remarks,
        },
        model={"has_random_base": has_random_base(plain(cfg.model))},
        **record(data.skipped_of(cfg.split)),
    )
    content = replace(report, warnings=warnings_of(report.content())).content()
    scored = list(zip(answers, scores, strict=True))
    write_json(folder / "metrics.json", content)
    print_metrics(content)
    page = write_evaluated(folder, content, data.clips, scored)
    print(f"answers: {folder / 'answers.jsonl'}\nscores:  {folder / 'metrics.json'}\nreport:  {page}")
    return content, scored
