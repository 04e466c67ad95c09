"""Labels of a custom file that several people gave: the one with the most votes is that of the clip, ties counted."""

from collections.abc import Mapping, Sequence

from emolightning.data.readers.label_map import LabelMap
from emolightning.data.readers.values import BadValue
from emolightning.records.votes import CURES, Ties, leaders, tie_in_words

SETTING = "data.annotators"


class LabelVotes:
    """Reads the label of a row from the columns of several people, as a LabelMap does from one.

    Args:
        words: knows what a word means.
        columns: of the people.
        ties: what becomes of a clip with several labels that have the most votes.
    """

    def __init__(self, words: LabelMap, columns: Sequence[str], ties: Ties):
        self.words, self.columns, self.ties = words, tuple(columns), ties
        self.num_rows = self.num_votes = self.num_followed = self.num_tied = self.num_emptied = 0

    def of_rows(self, columns: Mapping[str, Sequence[str]]) -> Sequence[tuple[str, ...]]:
        """What each of them wrote of each row."""
        return list(zip(*(columns[column] for column in self.columns), strict=True))

    def leaves_out(self, votes: Sequence[str], rows: int = 1) -> bool:
        """Whether rows are left out, for their votes are tied, or `data.label_map` leaves out each of them."""
        found = [self.words.meaning(word) for word in votes if word]  # A word without one is refused later.
        if found and not any(found) and None not in found:
            for word in filter(None, votes):
                self.words.leaves_out(word, rows)  # Each is counted.
            self.num_emptied += rows
            return True
        is_out = self.ties == "drop" and None not in found and len(leaders([label or None for label in found])) > 1
        self.num_tied += rows * is_out
        return is_out

    def read_all(self, votes: Sequence[str], rows: int = 1) -> tuple[str, None]:
        """The one label of rows with these votes, as `read` gives it; a row never has several."""
        return self.read(votes, rows), None

    def read(self, votes: Sequence[str], rows: int = 1) -> str:
        """The label of rows that are not left out; a word that `data.label_map` maps to null is no vote.

        Raises:
            BadValue: a word is no label, nobody has judged the clip, or the votes are tied.
        """
        said = [
            self.words.read(word, column, rows)
            for column, word in zip(self.columns, votes, strict=True)
            if word and not self.words.leaves_out(word, rows)
        ]
        most = leaders(said)
        if not most:
            raise BadValue(f"{', '.join(self.columns)} are empty: nobody has judged the clip; take the row out")
        if len(most) > 1 and self.ties == "refuse":
            raise BadValue(f"the votes are tied: {tie_in_words(said)}; {CURES.format(setting='data.ties')}")
        self.num_rows += rows
        self.num_tied += rows * (len(most) > 1)
        self.num_votes += rows * len(said)
        self.num_followed += rows * said.count(most[0])
        return most[0]

    def given(self, votes: Sequence[str]) -> tuple[str | None, ...]:
        """The label that each person gave a row that `read` has read; None for no vote."""
        return tuple(self.words.meaning(word) or None if word else None for word in votes)

    def remarks(self) -> list[str]:
        """What was mapped, how far people agree, and what became of ties."""
        share = self.num_followed / max(self.num_votes, 1)
        agreed = f"{SETTING}: {self.num_rows} rows have the label of most people, {share:.1%} of their votes are for it"
        become = {"first": "of these labels the one that was named first counts", "drop": "these rows are left out"}
        tied = [f"{SETTING}: the votes of {self.num_tied} rows are tied: {become[self.ties]}"] if self.num_tied else []
        emptied = f"{SETTING}: {self.num_emptied} rows are left out, for data.label_map leaves out every vote"
        return [*self.words.remarks(), agreed, *tied, *([emptied] if self.num_emptied else [])]
