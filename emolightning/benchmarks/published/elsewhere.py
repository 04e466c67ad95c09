"""Protocols of published figures on benchmarks that this project does not evaluate; they are in `elsewhere.csv`."""

from emolightning.records.benchmark import Protocol

PROTOCOLS = (
    Protocol(
        "emoprefer",
        "best_strategy",
        "EmoPrefer-Data, 574 pairs of descriptions, zero-shot: mean over runs of the strategy that is best on these "
        "pairs; whoever chooses the longer text has 79.57; answers of your own are scored by scoring=preference",
        num_clips=574,
    ),
    Protocol(
        "ovmerd",
        "ov_mer",
        "OV-MER, mean of two runs; words taken from free text by a language model; m_avg is the mean of m1_f1, m2_f1 "
        "and the F of five wheels at two levels; gpt_groups is the table's column GPT",
    ),
)
