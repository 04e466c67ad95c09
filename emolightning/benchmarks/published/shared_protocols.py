"""What the protocols of several benchmarks have in common; the cards name them."""

UNIBENCH = (
    "MER-UniBench, zero-shot: words taken from free text by Qwen2.5-7B-Instruct, emotion wheels of 2025; the "
    "checkpoint of AffectGPT is the best on the test set"
)
HIT = f"{UNIBENCH}; HIT at level 1, where further labels cost nothing, over clips whose label is in the wheel"
UNIBENCH_SENTIMENT = f"{UNIBENCH}; weighted F1 of the sign, zeros left out"
SENTIMENT_WORDS = {"sentiment": "mer_unibench", "zero_shot": True}
LIGHT_MER = (
    "MER-UniBench in the table of Light-MER, zero-shot; its scripts take the last epoch, and it lists other figures "
    "of AffectGPT than AffectGPT's own table"
)
WHEELS = {"wheels": "2025", "answers": "lists", "zero_shot": True}
DOCUMENTATION_PAGE = "figures of upstream's documentation page alone"
NOT_STATED = "which of the folds was tested is not stated"
GPT4V = "GPT-4V, zero-shot: a ranked list of labels, of which the first counts, words as they are"
FIRST_LABEL = {"aliases": "none", "answer_list": "first", "zero_shot": True}
BEST_EPOCH = "the best epoch on the test set counts"
