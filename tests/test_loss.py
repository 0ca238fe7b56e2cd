"""The loss: the same however a step is cut, and for which models."""

from typing import Any

import pytest

from understudy.errors import StudyError

torch = pytest.importorskip("torch", reason="the extra train is not installed")
transformers = pytest.importorskip("transformers", reason="the extra train is not installed")

from test_training import EXAMPLES, SHAPE, WORDS, gradients, make, reference  # noqa: E402
from understudy.train import loss  # noqa: E402
from understudy.train.loss import collate, learning  # noqa: E402

# --- the loss ---

KINDS = {
    "llama": {},
    "tied": {"kind": "llama", "tie_word_embeddings": True},
    "qwen2": {"use_sliding_window": True, "sliding_window": 7, "max_window_layers": 1},
    "qwen3": {},
    "mistral": {"sliding_window": 7},
    "granite": {"logits_scaling": 4.0},
    "gemma3": {"kind": "gemma3_text", "sliding_window": 7, "final_logit_softcapping": 1.0},
}
CUTS = {"one by one": [[n] for n in range(5)], "at once": [list(range(5))], "in two": [[0, 1], [2, 3, 4]]}


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_and_its_gradient_do_not_depend_on_how_a_step_is_cut(kind: str, monkeypatch) -> None:
    settings = dict(KINDS[kind])
    model = make(settings.pop("kind", kind), **settings)
    examples = EXAMPLES[:5]
    norm = sum(sum(example.weights[1:]) for example in examples)
    wanted, slope = reference(model, examples)
    for chunk in (loss.CHUNK, 4 * WORDS):  # the head at once, and in chunks
        monkeypatch.setattr(loss, "CHUNK", chunk)
        for packing in (False, True):
            for name, cut in CUTS.items():
                model.zero_grad()
                total = 0.0
                with learning(model, packing):
                    for part in cut:
                        batch = collate([examples[n] for n in part], norm, packing, pad=0)
                        value = model(**batch)["loss"]
                        value.backward()
                        total += value.item()
                assert total == pytest.approx(wanted, rel=1e-5), (name, packing, chunk)
                torch.testing.assert_close(gradients(model), slope, rtol=1e-4, atol=1e-6)


def test_models_that_change_their_logits_are_told_from_those_that_do_not() -> None:
    kinds = {"llama": True, "qwen3": True, "mistral": True, "granite": False, "cohere": False, "gemma2": False}
    small = {"eos_token_id": 2, "pad_token_id": 0, "bos_token_id": 1}
    shape = {**SHAPE, **small, "num_hidden_layers": 1}
    configs = {kind: transformers.AutoConfig.for_model(kind, **shape) for kind in kinds}
    found = {k: loss._plain_head(transformers.AutoModelForCausalLM.from_config(c)) for k, c in configs.items()}
    assert found == kinds


def test_a_model_is_as_it_was_after_training() -> None:
    model = make()
    before = model(input_ids=torch.tensor([EXAMPLES[0].ids])).logits
    with learning(model, packing=True):
        pass
    assert model.config._attn_implementation == "sdpa"
    assert torch.equal(model(input_ids=torch.tensor([EXAMPLES[0].ids])).logits, before)


@pytest.mark.parametrize(
    ("kind", "settings", "why"),
    [
        ("bloom", {}, "does not let its attention be replaced"),
        ("mamba", {}, "would mix packed examples"),
        ("gemma2", {}, "caps its attention"),
        ("qwen3_next", {"layer_types": ["linear_attention", "full_attention"]}, "would mix packed examples"),
    ],
)
def test_a_model_that_would_mix_packed_examples_is_refused(kind: str, settings: Any, why: str) -> None:
    with pytest.raises(StudyError, match=why) as caught, learning(make(kind, **settings), packing=True):
        pass
    assert "packing: false" in caught.value.hint
