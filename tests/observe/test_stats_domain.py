"""Specialisation of experts that are made to specialise, and of some that are not."""

import numpy as np
import pytest

from flashmoe_nb.observe.stats_domain import label_counts, specialisation
from tests.observe.choices import made_choices


def test_experts_that_serve_one_label_tell_it_whole():
    labels = np.array([0] * 100 + [1] * 300 + [2] * 200 + [3] * 100)
    rng = np.random.default_rng(0)
    own = labels[:, None] * 4 + np.argsort(rng.random((700, 4)), axis=1)[:, :2]
    alike = made_choices(700, 1, 16, 2, skew=1.0)[:, 0]
    found = specialisation(np.stack([own, alike], axis=1), labels, 16)
    assert found.bits[0] == pytest.approx(2)
    assert found.bits[1] == pytest.approx(found.shuffled_bits[1], abs=0.03)
    assert found.shuffled_bits[0] < 0.1
    assert found.share[0, 0, :4].tolist() == [1, 1, 1, 1]
    assert found.share[1, 0, :4].tolist() == [0, 0, 0, 0]


def test_an_expert_nobody_chose_has_no_share():
    found = specialisation(np.array([[[0]], [[1]]]), np.array([0, 1]), 3)
    assert np.isnan(found.share[:, 0, 2]).all()


def test_specialisation_is_that_of_a_table_with_labels_weighed_alike():
    ids, labels = made_choices(60, 1, 6, 2, seed=3), np.random.default_rng(4).integers(0, 3, 60)
    table = np.array([[(ids[labels == a, 0] == e).sum() for e in range(6)] for a in range(3)])
    p = table / table.sum(axis=1, keepdims=True) / 3
    bits = sum(p[a, e] * np.log2(p[a, e] / (p[a].sum() * p[:, e].sum())) for a, e in np.argwhere(p > 0))
    assert specialisation(ids, labels, 6).bits[0] == pytest.approx(bits)
    assert label_counts(ids, labels, 6)[:, 0].tolist() == table.tolist()
