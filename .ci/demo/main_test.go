package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// TestProblems: what the first minute of a demo has to show, and what is told of one that
// does not.
func TestProblems(t *testing.T) {
	const good = `{"samples_in":10,"samples_out":8,"pending":2,"balanced":true,"sensors":[{"gain_db":6},{"gain_db":9},{"gain_db":7}],
		"drifts":[{"series":"a","delay_s":1,"injected_kind":"noise","kind":"noise"},{"series":"b","delay_s":1,"injected_kind":"regime","kind":"regime"},
		{"series":"c","delay_s":1,"injected_kind":"fault","kind":"fault"},{"series":"d","kind":"unknown"}],
		"finetunes":[{"series":"a","verdict":"promoted","gain_db":1.5},{"series":"b","verdict":"rejected"}]}`
	for edit, want := range map[string]string{
		"":                                       "",
		`"kind":"regime"}=>"kind":"unknown"}`:    "regime on b was named unknown",
		`"kind":"fault"}=>"kind":null}`:          "fault on c was named nothing",
		`"promoted"=>"rejected"`:                 "no challenger was promoted",
		`,"gain_db":1.5=>`:                       "no fine-tune came to the gate's verdict",
		`"series":"b","delay_s":1=>"series":"b"`: "regime on b was not found",
		`"injected_kind":"fault"=>"injected_kind":"noise"`: "found [\"noise\" \"noise\" \"regime\"]",
		`"samples_out":8=>"samples_out":7`:                 "in 10, out 7",
		`"gain_db":6=>"gain_db":-1`:                        "gains",
	} {
		text := good
		if from, to, ok := strings.Cut(edit, "=>"); ok {
			if text = strings.Replace(good, from, to, 1); text == good {
				t.Fatalf("%s changes nothing", edit)
			}
		}
		var r report
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatal(err)
		}
		errs := r.problems(true)
		for _, m := range r.misses() {
			errs = append(errs, errors.New(m))
		}
		err := errors.Join(errs...)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", edit, err, want)
		}
	}
}
