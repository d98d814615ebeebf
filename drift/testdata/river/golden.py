"""Writes what River 0.26.1 and Frouros 0.9.0 make of the streams in this folder.

    python golden.py river      in an environment with river 0.26.1, scipy 1.17.1
    python golden.py frouros    in one with frouros 0.9.0, scipy 1.14.1, numpy 2.1.3

ADWIN.json.gz and PageHinkley.json.gz are not written by this script.
"""
import gzip
import json
import math
import random
import sys

REAL = ["abrupt_up_1s", "abrupt_down_1s", "ar09_2s", "heavy_t3_1s", "large_offset", "quantised_then_stuck",
        "recon_mse_gamma", "tiny"]
BITS = ["bern_abrupt", "bern_down", "bern_ramp"]
UNIT = BITS + ["beta_abrupt", "beta_down"]


def stream(name):
    with gzip.open(name + ".csv.gz", "rt") as f:
        return [float(line) for line in f]


def number(v):
    if v is None or isinstance(v, float) and not math.isfinite(v):
        return None
    return v.item() if hasattr(v, "item") else v


def checkpoints(n, drifts):
    at = {9, n - 1} | set(range(n // 8, n, n // 8))
    for d in drifts[:3]:
        at |= {d, d + 1, d + 50}
    return sorted(i for i in at if i < n)


def trace(xs, params, update, state, **case):
    """update feeds a value and returns (drift, warning); state returns the variables after it."""
    drifts, onsets, states, was = [], [], [], False
    for i, x in enumerate(xs):
        drift, warning = update(x)
        if drift:
            drifts.append(i)
        if warning and not was:
            onsets.append(i)
        was = warning
        states.append({"i": i, "drift": bool(drift), **{k: number(v) for k, v in state().items()}})
    points = [states[i] for i in checkpoints(len(xs), drifts)]
    return {**case, "params": params, "drift": drifts, "warning_onset": onsets, "checkpoints": points}


def write(name, reference, cases):
    text = json.dumps({"detector": name, "reference": reference, "cases": cases}, separators=(",", ":"))
    suffix = "_frouros" if reference.startswith("frouros") else ""
    write_gzip(name + suffix + ".json.gz", text)


def write_gzip(path, text):
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, 0) as f:
        f.write(text.encode())


def river():
    from river import drift
    from river.drift import binary

    detectors = {
        "KSWIN": (drift.KSWIN, REAL, lambda d: {"n": d.n, "window_len": len(d.window), "p_value": d.p_value}, [
            {"seed": 3}, {"seed": 2**40 + 5, "alpha": 0.001, "window_size": 300, "stat_size": 25}]),
        "DDM": (binary.DDM, BITS, lambda d: {"n": int(d._p.n), "p": d._p.get(), "p_min": d._p_min, "s_min": d._s_min}, [
            {}, {"warm_start": 50, "warning_threshold": 1.8, "drift_threshold": 2.6}]),
        "EDDM": (binary.EDDM, BITS, lambda d: {
            "n": d._n, "n_errors": d._n_errors, "mean_dist": d._error_distances.mean.get(),
            "var_dist": d._error_distances.get(), "p2s_max": d._p2s_prime_max}, [
            {}, {"warm_start": 20, "alpha": 0.9, "beta": 0.8}]),
        "FHDDM": (binary.FHDDM, BITS, lambda d: {"n_one": d.n_one, "u_max": d._u_max}, [
            {}, {"sliding_window_size": 150, "confidence_level": 1e-4, "short_window_size": 40}]),
        "HDDM_A": (binary.HDDMA, UNIT, lambda d: {
            "n": int(d._z.n), "z": d._z.get(), "n_min": int(d._x_min.n), "x_min": d._x_min.get(),
            "n_max": int(d._x_max.n), "x_max": d._x_max.get()}, [
            {}, {"drift_confidence": 0.005, "warning_confidence": 0.02, "two_sided_test": True}]),
        "HDDM_W": (binary.HDDMW, UNIT, lambda d: {
            "ewma": d._total.ewma, "ibc": d._total.ibc, "s1_inc": d._s1_incr.ewma, "s2_inc": d._s2_incr.ewma,
            "cut_inc": d._incr_cutpoint, "s1_dec": d._s1_decr.ewma, "s2_dec": d._s2_decr.ewma,
            "cut_dec": d._decr_cutpoint}, [
            {}, {"lambda_val": 0.01, "two_sided_test": True}]),
    }
    for name, (make, streams, state, settings) in detectors.items():
        cases = []
        for s in streams:
            for params in settings:
                d = make(**params)

                def update(x):
                    d.update(x)
                    return d.drift_detected, getattr(d, "warning_detected", False)

                cases.append(trace(stream(s), params, update, lambda: state(d), stream=s))
        write(name, "river 0.26.1", cases)


def frouros():
    from frouros.detectors import concept_drift as cd

    detectors = {
        "CUSUM": (cd.CUSUM, cd.CUSUMConfig, REAL, [{}, {"delta": 0.3, "lambda_": 6.0, "min_num_instances": 60}]),
        "GMA": (cd.GeometricMovingAverage, cd.GeometricMovingAverageConfig, REAL, [
            {}, {"alpha": 0.92, "lambda_": 0.9}]),
        "PageHinkleyNoMin": (cd.PageHinkley, cd.PageHinkleyConfig, REAL, [
            {}, {"delta": 0.05, "lambda_": 10.0, "alpha": 0.99}]),
        "ECDD_WT": (cd.ECDDWT, cd.ECDDWTConfig, BITS, [
            {}, {"lambda_": 0.15, "average_run_length": 100}, {"average_run_length": 1000, "warning_level": 0.8}]),
    }
    for name, (make, config, streams, settings) in detectors.items():
        cases = []
        for s in streams:
            for params in settings:
                d = make(config=config(**params))
                pending = False

                def update(x):
                    nonlocal pending
                    if pending:  # the state at a detection is read first
                        d.reset()
                    d.update(value=x)
                    pending = d.drift
                    return d.drift, getattr(d, "warning", False)

                def state():
                    if name == "ECDD_WT":
                        return {"n": d.num_instances, "p": d.p.mean, "z": d.z.mean}
                    return {"n": d.num_instances, "mean": d.mean_error_rate.mean, "sum": d.sum_}

                cases.append(trace(stream(s), params, update, state, stream=s))
        write(name, "frouros 0.9.0", cases)
    write("BOCD", "frouros 0.9.0", bocd(cd))
    write_gzip("batch_frouros.json.gz", json.dumps(batch(), separators=(",", ":")))


def bocd(cd):
    from frouros.detectors.concept_drift.streaming.change_detection.bocd import GaussianUnknownMean

    r, cases = random.Random(5), []
    for params in [{"hazard": 0.02, "prior_mean": 0.5, "prior_var": 2.0, "data_var": 1.5},
                   {"hazard": 0.005, "prior_mean": 0.0, "prior_var": 1.0, "data_var": 0.25}]:
        x = [round(r.gauss(2.0 if 120 <= i < 220 else 0.0, 1.0), 6) for i in range(300)]
        model = GaussianUnknownMean(params["prior_mean"], params["prior_var"], params["data_var"])
        d = cd.BOCD(config=cd.BOCDConfig(model=model, hazard=params["hazard"]))

        def update(v):
            d.update(value=v)
            return d.drift, False

        def state():
            log = d.log_r[d.num_instances, :d.num_instances + 1]
            return {"map_run_length": int(log.argmax()), "p_map": math.exp(log.max()),
                    "pred_mean": d.predicted_mean, "pred_var": d.predicted_var}

        cases.append(trace(x, params, update, state, x=x))
    return cases


def batch():
    import numpy as np
    from frouros.detectors import data_drift as dd

    tests = {"ks": dd.KSTest, "cvm": dd.CVMTest, "anderson": dd.AndersonDarlingTest, "mwu": dd.MannWhitneyUTest,
             "welch": dd.WelchTTest, "kuiper": dd.KuiperTest}
    distances = {"psi": dd.PSI, "js": dd.JS, "energy": dd.EnergyDistance, "emd": dd.EMD, "mmd": dd.MMD,
                 "hellinger": dd.HellingerDistance, "bhattacharyya": dd.BhattacharyyaDistance}
    r, cases = random.Random(6), []
    for n, m, shift, scale, digits in [(60, 60, 0, 1, 9), (120, 50, 0.3, 1, 9), (40, 90, 0, 2, 9), (100, 100, 1, 1, 1),
                                       (150, 30, -0.8, 0.5, 0), (128, 128, 3, 1, 9)]:
        ref = [round(r.gauss(0, 1), digits) for _ in range(n)]
        test = [round(r.gauss(shift, scale), digits) for _ in range(m)]
        case = {"ref": ref, "test": test}
        for key, make in {**tests, **distances}.items():
            d = make()
            d.fit(X=np.array(ref))
            got = d.compare(X=np.array(test))[0]
            case[key] = [float(got.distance)] if key in distances else [float(got.statistic), float(got.p_value)]
        cases.append(case)
    return cases


if __name__ == "__main__":
    {"river": river, "frouros": frouros}[sys.argv[1]]()
