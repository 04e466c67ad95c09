"""Order of clips: by seed and epoch, the same for any number of ranks, continued anywhere."""

import pytest

from emolightning.data.loading.sampler import ClipKey, EvaluationSampler, TrainSampler


@pytest.mark.parametrize("num_clips", [7, 16, 21])
@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_ranks_share_each_step(num_clips, world_size):
    alone = list(TrainSampler(num_clips, batch_size=6, seed=3))
    shared = [
        list(TrainSampler(num_clips, batch_size=6 // world_size, seed=3, rank=rank, world_size=world_size))
        for rank in range(world_size)
    ]
    for step, batch in enumerate(alone):
        own = [key for ranks in shared for key in ranks[step] if not key.is_borrowed]
        assert sorted(own) == sorted(batch)
        assert len({len(ranks[step]) for ranks in shared}) == 1
    assert {key.position for batch in alone for key in batch} == set(range(num_clips))


@pytest.mark.parametrize("done", range(9))
def test_continues_after_any_batch(done):
    def batches(start, count):
        taken = []
        while len(taken) < count:
            position = start + len(taken)
            taken += list(TrainSampler(11, batch_size=3, seed=5, progress=lambda at=position: (at, 4)))
        return taken[:count]

    assert batches(done, 12 - done) == batches(0, 12)[done:]


def test_epochs_differ_and_say_so():
    sampler = TrainSampler(20, batch_size=20, seed=1, progress=lambda: (1, 1))
    (second,) = list(sampler)
    assert {key.epoch for key in second} == {1}
    assert sampler.permutation(0) != sampler.permutation(1)


@pytest.mark.parametrize("num_clips", [1, 5, 8, 21])
@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_ranks_evaluate_the_batches_of_one(num_clips, world_size):
    alone = list(EvaluationSampler(num_clips, batch_size=4))
    shares = [
        list(EvaluationSampler(num_clips, batch_size=4, rank=rank, world_size=world_size)) for rank in range(world_size)
    ]
    dealt = [batch for number in range(len(shares[0])) for batch in (share[number] for share in shares)]
    assert dealt == (alone * world_size)[: len(dealt)]
    assert len(alone) <= len(dealt) < len(alone) + world_size
    assert [key.position for batch in alone for key in batch] == list(range(num_clips))


def test_a_continued_evaluation_keeps_its_batches():
    """Of the batches 0 1 2, 3 4 5, 6 7 the first is answered, and a clip of the second."""
    batches = list(EvaluationSampler(8, batch_size=3, answered={0, 1, 2, 4}))
    assert [[key.position for key in batch] for batch in batches] == [[3, 4, 5], [6, 7]]
    assert list(EvaluationSampler(8, batch_size=3, answered=range(8), rank=1, world_size=2)) == []


def test_a_limited_epoch_counts_as_an_epoch():
    sampler = TrainSampler(12, batch_size=3, seed=5, progress=lambda: (4, 2))
    assert {key.epoch for batch in sampler for key in batch} == {2}


@pytest.mark.parametrize("world_size", [1, 3])
def test_epochs_of_a_number_of_batches_go_on_in_one_stream(world_size):
    """11 clips in batches of 3 are 3 whole batches a pass: epochs of 4 batches start in the middle of one."""

    def batches(done, rank):
        options = {"batch_size": 3 // world_size, "seed": 5, "batches_per_epoch": 4, "progress": lambda: (done, 4)}
        return list(TrainSampler(11, rank=rank, world_size=world_size, **options))

    epochs = [[batches(done, rank) for rank in range(world_size)] for done in (0, 4, 8)]
    stream = [{key for ranks in epoch for key in ranks[step]} for epoch in epochs for step in range(4)]
    assert [len(step) for step in stream] == [3] * 12
    for number in range(4):
        one_pass = set().union(*stream[3 * number : 3 * number + 3])
        assert len(one_pass) == 9
        assert {key.epoch for key in one_pass} == {number}
    assert batches(6, 0) == epochs[1][0][2:]


def test_a_split_smaller_than_a_batch_is_one_batch():
    (first, second) = list(TrainSampler(2, batch_size=4, seed=0, batches_per_epoch=2))
    assert sorted(first) == [ClipKey(0, 0), ClipKey(0, 1)]
    assert sorted(second) == [ClipKey(1, 0), ClipKey(1, 1)]
