"""The steps of a training: what each holds, and how it is shared out."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.errors import StudyError
from understudy.train.batches import plan, share, size
from understudy.types import Recipe

torch = pytest.importorskip("torch", reason="the extra train is not installed")
transformers = pytest.importorskip("transformers", reason="the extra train is not installed")

from test_training import LENGTHS  # noqa: E402

# --- the steps ---


@settings(max_examples=60, deadline=None)
@given(lengths=st.lists(st.integers(1, 200), min_size=1, max_size=80), epochs=st.integers(1, 3), seed=st.integers())
def test_every_epoch_holds_every_example_once_within_the_budget_of_a_step(lengths, epochs, seed) -> None:
    steps = plan(lengths, Recipe(tokens_per_step=256, num_train_epochs=epochs), seed)
    assert sorted(index for step in steps for index in step) == sorted(list(range(len(lengths))) * epochs)
    for step in steps:
        assert len(step) == 1 or len(step) * max(lengths[i] for i in step) <= 256


@settings(max_examples=60, deadline=None)
@given(lengths=LENGTHS, tokens=st.integers(1, 5000))
def test_a_budget_of_tokens_is_met_within_a_step(lengths, tokens) -> None:
    steps = plan(lengths, Recipe(tokens_per_step=100), 0, tokens)
    sizes = [sum(lengths[i] for i in step) for step in steps]
    assert sum(sizes) >= tokens > sum(sizes[:-1])


@settings(max_examples=60, deadline=None)
@given(lengths=LENGTHS, batch=st.integers(1, 9), packing=st.booleans())
def test_a_step_holds_as_many_examples_as_asked(lengths, batch, packing) -> None:
    steps = plan(lengths, Recipe(train_batch_size=batch, packing=packing, num_train_epochs=2), 0)
    half = len(steps) // 2
    for epoch in (steps[:half], steps[half:]):
        assert sorted(index for step in epoch for index in step) == list(range(len(lengths)))
        assert {len(step) for step in epoch[:-1]} <= {batch} and 0 < len(epoch[-1]) <= batch


@settings(max_examples=60, deadline=None)
@given(lengths=LENGTHS, limit=st.integers(60, 200))
def test_packed_steps_are_full_of_tokens_not_of_padding(lengths, limit) -> None:
    steps = plan(lengths, Recipe(tokens_per_step=limit, packing=True, num_train_epochs=1), 0)
    totals = [sum(lengths[i] for i in step) for step in steps]
    assert all(total <= limit for total in totals)
    assert all(total + lengths[after[0]] > limit for total, after in zip(totals, steps[1:], strict=False))


def test_the_order_follows_from_the_seed() -> None:
    lengths = [n % 17 + 1 for n in range(200)]
    for recipe in (Recipe(tokens_per_step=64), Recipe(train_batch_size=8), Recipe(tokens_per_step=64, packing=True)):
        assert plan(lengths, recipe, 1) == plan(lengths, recipe, 1) != plan(lengths, recipe, 2)


def test_half_an_epoch_is_half_the_steps() -> None:
    lengths = [10] * 100
    assert len(plan(lengths, Recipe(tokens_per_step=100, num_train_epochs=0.5), 0)) == 5
    assert len(plan(lengths, Recipe(tokens_per_step=100, num_train_epochs=1.5), 0)) == 15


@settings(max_examples=100, deadline=None)
@given(lengths=LENGTHS, limit=st.integers(60, 150), processes=st.integers(1, 4), packing=st.booleans())
def test_a_step_is_shared_without_loss_within_what_memory_holds(lengths, limit, processes, packing) -> None:
    recipe = Recipe(tokens_per_batch=limit, num_processes=processes, packing=packing)
    step = list(range(len(lengths)))
    shares = share(step, lengths, recipe)
    assert sorted(index for batches in shares for batch in batches for index in batch) == step
    assert len({len(batches) for batches in shares}) == 1 and len(shares) == processes
    assert all(size(batch, lengths, packing) <= limit for batches in shares for batch in batches)
    if len(step) >= processes and packing and processes > 1 and len(shares[0]) == 1:
        held = [sum(lengths[i] for i in batches[0]) for batches in shares]
        assert max(held) - min(held) <= max(lengths), "they are not balanced"


def test_an_example_that_memory_cannot_hold_is_refused() -> None:
    with pytest.raises(StudyError, match="longest example has 60 tokens, and tokens_per_batch is 50"):
        plan([5, 60], Recipe(tokens_per_batch=50), 0)
