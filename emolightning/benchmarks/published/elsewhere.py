"""Protocols of published figures on benchmarks that this project does not evaluate; they are in `elsewhere.csv`."""

from emolightning.records.benchmark import Protocol

PROTOCOLS = (
    Protocol(
        "ovmerd",
        "ov_mer",
        "OV-MER, mean of two runs; words taken from free text by a language model; m_avg is the mean of m1_f1, m2_f1 "
        "and the F of five wheels at two levels; gpt_groups is the table's column GPT",
    ),
)
