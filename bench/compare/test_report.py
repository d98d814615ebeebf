"""python -m unittest, in this folder; needs nothing but Python."""

import unittest

import report

PEAK, FLOPS = 1e8, 1000.0


def data(ours=(2.0, 4.0), theirs=(6.0, 6.0), **more):
    """Ours and theirs in ns per repetition, two rounds; the peak is 1000 GFLOP/s."""
    run = lambda ns: {"reps": 10, "ns": [10 * t for t in ns]}
    runs = {"quell": {"peak": run((1e5, 2e5)), "A.b1": run(ours), "A.b256": run([256 * t for t in ours])}, "ort": {"A.1d.b1": run(theirs)}}
    head = {"tier": "avx2", "tiers": ["avx2", "generic"], "subjects": {"peak": {"flops": PEAK, "count": 1}, "A.b1": {"flops": FLOPS, "count": 1}},
            "absent": {"A.int8.b1": "not yet"}, "allocs": {}, "errors": {"A.whole": 3e-7, "A.streamed": 2e-5}, "state_bytes": 2048}
    return report.Data(runs, {"quell": head, "ort": {"subjects": {"A.1d.b1": {}}}}, **more)


class Report(unittest.TestCase):
    def row(self, rows, start):
        found = [r for r in rows if r.figure.startswith(start)]
        self.assertEqual(len(found), 1, [r.figure for r in rows])
        return found[0]

    def test_ratio_is_their_best_over_ours(self):
        best, paired = report.ratio(data(), ("quell", "A.b1"), ("ort", "A.1d.b1"))
        self.assertEqual(best, 3.0)
        self.assertEqual(paired, (6 / 2 + 6 / 4) / 2)

    def test_share_is_of_the_best_peak(self):
        best, _ = report.share(data(), "quell", "A.b1")
        self.assertAlmostEqual(best, 100 * (FLOPS / 2.0) / (PEAK / 1e5))

    def test_batch(self):
        r = self.row(report.rows(data()), "A, batch 256")
        self.assertAlmostEqual(r.value, 1.0)
        self.assertEqual(r.verdict, report.OK)

    def test_verdicts(self):
        rows = report.rows(data())
        self.assertEqual(self.row(rows, "A ÷ ORT 1-D").verdict, report.OK)
        slow = report.rows(data(ours=(4.0, 4.0)))
        r = self.row(slow, "A ÷ ORT 1-D")
        self.assertEqual((r.value, r.verdict), (1.5, report.MISSED))
        self.assertEqual(self.row(rows, "A ÷ LiteRT").verdict, report.NA)
        int8 = self.row(rows, "A, int8")
        self.assertEqual((int8.verdict, int8.why), (report.NA, "not yet"))
        state = self.row(rows, "state per extra stream")
        self.assertEqual((state.value, state.verdict), (2.0, report.OK))
        self.assertEqual(self.row(rows, "conv tile 252×32×96, avx512").verdict, report.NA)

    def test_errors_beyond_the_limit_are_missed(self):
        rows = report.rows(data())
        self.assertEqual(self.row(rows, "largest error of A against float64, whole, avx2").verdict, report.OK)
        r = self.row(rows, "largest error of A against float64, streamed, avx2")
        self.assertEqual((r.verdict, r.measured()), (report.MISSED, "2.0e-05"))

    def test_a_rival_that_did_not_start(self):
        rows = report.rows(data(dead={"litert": ("no module", report.NA), "torch": ("no files", report.NO_DATA)}))
        r = self.row(rows, "A ÷ LiteRT")
        self.assertEqual((r.verdict, r.why), (report.NA, "no module"))
        self.assertEqual(self.row(rows, "largest error of A against float64, whole, generic").verdict, report.NA)

    def test_what_a_process_does_not_tell(self):
        d = data()
        self.assertEqual(self.row(report.rows(d), "allocations per inference").verdict, report.NA)
        d.heads["quell"]["allocs"] = {"A.b1": 0, "B.b1": 0, "A.b256": 2, "B.b256": 0}
        r = self.row(report.rows(d), "allocations per inference")
        self.assertEqual((r.value, r.verdict), (2, report.MISSED))

    def test_extra(self):
        rows = report.rows(data(extra={"binary": 40_000_000, "memory.quell": "gone"}))
        self.assertEqual(self.row(rows, "stripped binary").verdict, report.MISSED)
        self.assertEqual(self.row(rows, "resident memory").why, "gone")

    def test_a_busy_second_core_is_told(self):
        for busy, told in ((0.5, True), (0.01, False)):
            d = data(extra={"busy": busy})
            for process in ("quell-1w", "quell-2w"):
                d.heads[process] = {"subjects": {}}
                d.runs[process] = {"A.train.b32": {"reps": 1, "ns": [1.0]}}
            r = self.row(report.rows(d), "A, training on 2 threads")
            self.assertEqual((r.verdict, "50 %" in r.why), (report.MISSED, told))

    def test_no_peak(self):
        d = data()
        del d.runs["quell"]["peak"]
        d.heads["quell"]["absent"]["peak"] = "no vectors"
        r = self.row(report.rows(d), "A, batch 1")
        self.assertEqual((r.verdict, r.why), (report.NA, "no vectors"))
        self.assertIn("n/a", report.subjects(d))

    def test_table_has_every_row(self):
        rows = report.rows(data())
        self.assertEqual(len(report.table(rows).splitlines()), len(rows) + 1)

    def test_insert(self):
        rows = report.rows(data())
        doc = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
        new = report.insert(doc, report.markdown(rows, "here", "make perf-table"))
        self.assertTrue(new.startswith("before\n") and new.endswith("\nafter\n"))
        self.assertNotIn("old", new)
        self.assertEqual(new.count("largest error"), 1)
        self.assertIn("2.0e-05 of the output's peak", new)  # the larger of two
        self.assertIn("| A ÷ ORT 1-D | 3.00 × |", new)
        self.assertEqual(report.insert(new, "x"), report.insert(doc, "x"))
        with self.assertRaises(ValueError):
            report.insert("no markers", "x")

    def test_work(self):
        self.assertEqual(report.work("B.2d.b256"), (9_568_256 * 256, 256))
        self.assertEqual(report.work("B.state.h16"), (37_376 * 16, 16))
        self.assertEqual(report.work("A.train.b32"), (3 * 2_064_384 * 32, 32))


if __name__ == "__main__":
    unittest.main()
