"""The settings of each program by the name in its defaults list."""

from functools import cache

from hydra.core.config_store import ConfigStore

from emolightning.config.command_settings import (
    CombineConfig,
    CompareConfig,
    ConvertConfig,
    EmerBaselinesConfig,
    ExportConfig,
    ExtractConfig,
    ExtractingConfig,
    FirstAnswerConfig,
    ImportConfig,
    InspectConfig,
    PrepareConfig,
    PseudoLabelConfig,
    ReproduceConfig,
    ScoreConfig,
    ScoreRowsConfig,
    ServeConfig,
    StoresConfig,
    TableRowsConfig,
    ThroughputConfig,
)
from emolightning.config.foreign_files import watch_files
from emolightning.config.run_settings import (
    DoctorConfig,
    EstimateConfig,
    EvalConfig,
    LoadingConfig,
    MerbenchConfig,
    PredictConfig,
    RobustnessConfig,
    RunConfig,
    TrainingStepConfig,
)

SCHEMAS = {
    "run_schema": RunConfig,
    "eval_schema": EvalConfig,
    "robustness_schema": RobustnessConfig,
    "predict_schema": PredictConfig,
    "doctor_schema": DoctorConfig,
    "estimate_schema": EstimateConfig,
    "merbench_schema": MerbenchConfig,
    "import_schema": ImportConfig,
    "export_schema": ExportConfig,
    "inspect_schema": InspectConfig,
    "convert_schema": ConvertConfig,
    "extract_schema": ExtractConfig,
    "prepare_schema": PrepareConfig,
    "serve_schema": ServeConfig,
    "score_schema": ScoreConfig,
    "combine_schema": CombineConfig,
    "compare_schema": CompareConfig,
    "pseudo_label_schema": PseudoLabelConfig,
    "reproduce_schema": ReproduceConfig,
    "score_rows_schema": ScoreRowsConfig,
    "stores_schema": StoresConfig,
    "table_rows_schema": TableRowsConfig,
    "extracting_schema": ExtractingConfig,
    "first_answer_schema": FirstAnswerConfig,
    "throughput_schema": ThroughputConfig,
    "loading_schema": LoadingConfig,
    "training_step_schema": TrainingStepConfig,
    "emer_baselines_schema": EmerBaselinesConfig,
}
"""Name in a primary config's defaults list -> its settings."""


def register_schemas() -> None:
    """Make the schemas available to defaults lists by their names, and have Hydra read files as it should."""
    watch_files()
    _store()


@cache
def _store() -> None:
    for name, schema in SCHEMAS.items():
        ConfigStore.instance().store(name=name, node=schema, provider="emolightning")
