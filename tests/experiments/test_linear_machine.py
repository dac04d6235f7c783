"""Against scikit-learn's LinearSVC, whose objective it is."""

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from palitra.experiments.linear_machine import fit_machine, search_penalty


def made(count=90, features=6, classes=3, apart=1.0):
    rng = np.random.default_rng(0)
    labels = np.arange(count) % classes
    x = rng.normal(size=(count, features)) + apart * np.eye(classes, features)[labels]
    return x.astype(np.float32), labels


@pytest.mark.parametrize("penalty", [1e-3, 0.1, 1.0])
@pytest.mark.parametrize("features", [6, 200])
def test_weights_are_those_of_scikit_learn(penalty, features):
    x, labels = made(features=features)
    mine = fit_machine(x, labels, 3, penalty)
    other = LinearSVC(C=penalty, dual=False, tol=1e-8).fit(x, labels)
    theirs = np.concatenate([other.coef_.T, other.intercept_[None]])
    assert mine.weights == pytest.approx(theirs, abs=2e-3 * np.abs(theirs).max())
    assert (mine.predict(x) == other.predict(x)).mean() > 0.98


def test_the_search_takes_what_serves_unseen_pictures():
    x, labels = made(count=60, features=300, apart=1.5)
    found = search_penalty(x, labels, 3, (1e-9, 1e-2), 3)
    assert found == 1e-2


def test_a_class_without_pictures_is_never_seen():
    x, labels = made(classes=2)
    assert set(fit_machine(x, labels, 4, 1.0).predict(x)) <= {0, 1}
