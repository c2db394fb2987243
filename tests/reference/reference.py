#!/usr/bin/env python3
"""Figures of the calibration report from other people's code, on fixed data.

    python3 -m venv venv && venv/bin/pip install numpy scipy scikit-learn statsmodels
    venv/bin/python tests/reference/reference.py

writes fixture.json beside this file, which `cargo test report::stats` compares with. Made with numpy 2.4,
scipy 1.17, scikit-learn 1.9, statsmodels 0.15. The data come from a fixed seed and are in the fixture.
"""

import itertools
import json
import pathlib

import numpy as np
import statsmodels.api as sm
from scipy import stats
from scipy.special import logit
from sklearn.calibration import calibration_curve
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss, log_loss
from statsmodels.stats.proportion import proportion_confint

EPSILON = 1e-6
LEVELS = {
    "cents": lambda p: np.round(p, 2),
    "extremes": lambda p: np.where(p < 0.2, 0.0, np.where(p > 0.8, 1.0, np.round(p, 1))),
    "fine": lambda p: p,
}


def data(name, rng):
    truth = rng.beta(1.2, 1.6, 200)
    said = LEVELS[name](1 / (1 + np.exp(-(0.2 + 1.4 * logit(np.clip(truth, 0.01, 0.99))))))
    # Markets of an event share their luck.
    event = np.repeat(np.arange(50), 4)
    y = rng.random(50)[event] < truth
    return said, y, event


def isotonic(p, y):
    # Equal forecasts become one point of the regression first, weighted by how many they are.
    values, inverse, counts = np.unique(p, return_inverse=True, return_counts=True)
    rates = np.bincount(inverse, weights=y) / counts
    fitted = IsotonicRegression().fit(values, rates, sample_weight=counts)
    return fitted.predict(p)


def in_ten(p):
    return np.minimum(np.floor(p * 10).astype(int), 9)


def murphy(p, y):
    bins = in_ten(p)
    out = dict.fromkeys(("reliability", "resolution", "within_bin_variance", "within_bin_covariance"), 0.0)
    for k in np.unique(bins):
        pk, yk = p[bins == k], y[bins == k]
        share = len(pk) / len(p)
        out["reliability"] += share * (pk.mean() - yk.mean()) ** 2
        out["resolution"] += share * (yk.mean() - y.mean()) ** 2
        out["within_bin_variance"] += share * np.var(pk)
        out["within_bin_covariance"] += 2 * share * np.cov(pk, yk, ddof=0)[0, 1]
    out["uncertainty"] = np.var(y)
    return out


def errors(p, y):
    bins = in_ten(p)
    ece, squared, counted = 0.0, 0.0, 0
    for k in np.unique(bins):
        pk, yk = p[bins == k], y[bins == k]
        ece += len(pk) / len(p) * abs(pk.mean() - yk.mean())
        if len(pk) > 1:
            # var with n - 1 over n is the unbiased variance of the bin's rate
            squared += len(pk) * ((pk.mean() - yk.mean()) ** 2 - np.var(yk, ddof=1) / len(yk))
            counted += len(pk)
    return {"ece": ece, "ece_debiased": max(0.0, squared / counted) ** 0.5}


def check_by_scikit(p, y, ece):
    # scikit-learn closes bins above, not below: the same where no forecast is on an edge
    rate, said = calibration_curve(y, p, n_bins=10)
    counts = np.histogram(p, np.linspace(0, 1, 11))[0]
    assert np.isclose(ece, np.sum(counts[counts > 0] * np.abs(rate - said)) / len(p), atol=1e-12)


def spiegelhalter(p, y):
    z = np.sum((y - p) * (1 - 2 * p)) / np.sqrt(np.sum((1 - 2 * p) ** 2 * p * (1 - p)))
    return {"z": z, "p_value": 2 * stats.norm.sf(abs(z))}


def forecasts(name, rng):
    p, outcome, event = data(name, rng)
    y = outcome.astype(float)
    kept = np.clip(p, EPSILON, 1 - EPSILON)
    brier = brier_score_loss(y, p)
    recalibrated = brier_score_loss(y, isotonic(p, y))
    if name == "fine":
        check_by_scikit(p, y, errors(p, y)["ece"])
    fit = sm.Logit(y, sm.add_constant(logit(kept))).fit(disp=0, tol=1e-14, maxiter=100)
    return {
        "name": name,
        "probability": p.tolist(),
        "outcome": outcome.tolist(),
        "event": event.tolist(),
        "isotonic": isotonic(p, y).tolist(),
        "brier": brier,
        "log_loss": log_loss(y, kept),
        "in_the_large": 100 * (y.mean() - p.mean()),
        "sharpness": np.var(p),
        "murphy": murphy(p, y),
        "corp": {
            "miscalibration": brier - recalibrated,
            "discrimination": np.var(y) - recalibrated,
            "uncertainty": np.var(y),
        },
        "spiegelhalter": spiegelhalter(p, y),
        "intercept": fit.params[0],
        "slope": fit.params[1],
        **errors(p, y),
    }


def wilson(successes, trials):
    low, high = proportion_confint(successes, trials, alpha=0.05, method="wilson")
    return {"successes": successes, "trials": trials, "low": float(low), "high": float(high)}


def sharpe(returns, trials, variance):
    n, ratio = len(returns), returns.mean() / returns.std(ddof=1)
    skewness, kurtosis = stats.skew(returns), stats.kurtosis(returns, fisher=False)
    error = np.sqrt((1 - skewness * ratio + (kurtosis - 1) / 4 * ratio**2) / (n - 1))
    best = np.sqrt(variance) * (
        (1 - np.euler_gamma) * stats.norm.ppf(1 - 1 / trials)
        + np.euler_gamma * stats.norm.ppf(1 - 1 / (trials * np.e))
    )
    return {
        "returns": returns.tolist(),
        "trials": trials,
        "variance": variance,
        "sharpe": ratio,
        "skewness": skewness,
        "kurtosis": kurtosis,
        "expected_best": best,
        "probabilistic": stats.norm.cdf(ratio / error),
        "deflated": stats.norm.cdf((ratio - best) / error),
        "track_record": 1 + error**2 * (n - 1) * (stats.norm.ppf(0.95) / ratio) ** 2,
        "trades_needed": np.ceil(((stats.norm.ppf(0.95) + stats.norm.ppf(0.8)) / ratio) ** 2),
    }


def overfitting(matrix, blocks):
    parts = np.array_split(matrix, blocks)
    logits = []
    for chosen in itertools.combinations(range(blocks), blocks // 2):
        inside = np.concatenate([parts[i] for i in chosen])
        outside = np.concatenate([parts[i] for i in range(blocks) if i not in chosen])
        best = np.argmax(inside.mean(0) / inside.std(0, ddof=1))
        rank = stats.rankdata(outside.mean(0) / outside.std(0, ddof=1))[best]
        logits.append(logit(rank / (matrix.shape[1] + 1)))
    logits = np.array(logits)
    return {
        "returns": matrix.tolist(),
        "blocks": blocks,
        "probability": np.mean(logits <= 0),
        "logits": np.sort(logits).tolist(),
    }


def main():
    rng = np.random.default_rng(20260101)
    fixture = {
        "forecasts": [forecasts(name, rng) for name in LEVELS],
        "wilson": [wilson(k, n) for k, n in [(81, 263), (0, 20), (20, 20), (1, 29), (1, 1), (500, 1000)]],
        "sharpe": [
            sharpe(0.05 + rng.standard_t(5, 150), 40, 0.01),
            sharpe(0.1 - np.abs(rng.normal(size=60)) + 0.9, 7, 0.02),
        ],
        "overfitting": [
            overfitting(rng.normal(size=(80, 6)), 8),
            overfitting(rng.normal(size=(60, 5)) + np.array([0, 0, 0, 0, 1.0]), 6),
        ],
    }
    target = pathlib.Path(__file__).with_name("fixture.json")
    target.write_text(json.dumps(fixture, default=float, indent=None) + "\n")


main()
