from dataclasses import replace
from types import SimpleNamespace

import pytest

from flashmoe_nb.figures import Subject
from flashmoe_nb.storage.record import RecordLayout


def engine(*, shares_pages: bool, side: int) -> SimpleNamespace:
    layout = RecordLayout.of([("gate_proj.weight", "U32", (side, side)), ("up_proj.weight", "U32", (side, side))])
    store = SimpleNamespace(layers=(0,), layout=lambda _: layout, shares_pages=lambda _: shares_pages)
    checkpoint = SimpleNamespace(folder=SimpleNamespace(name="made-up"), routed=store)
    moe = SimpleNamespace(top_k=10, num_experts=512)
    return SimpleNamespace(config=SimpleNamespace(moe=moe), checkpoint=checkpoint, top_k=4)


@pytest.mark.parametrize(
    ("shares_pages", "side", "told_apart"),
    [(False, 32, True), (True, 32, False), (True, 2048, True)],
    ids=["whole pages", "shared small", "shared but many pages"],
)
def test_subject_tells_whether_residency_belongs_to_one_expert(shares_pages: bool, side: int, told_apart: bool):
    assert Subject.of(engine(shares_pages=shares_pages, side=side)).residency_per_expert is told_apart


def test_subject_says_when_top_k_is_not_the_checkpoints_own():
    subject = Subject.of(engine(shares_pages=False, side=32))
    assert subject.label == "made-up, top_k 4 of 512 experts (the checkpoint's own: 10)"
    assert replace(subject, top_k=10).label == "made-up, top_k 10 of 512 experts"
