package eval

import (
	"encoding/json"
	"math"

	"github.com/quell-stream/quell/model/classic"
)

// Result is the score of one method on one channel at one noise level. NaN and
// infinities are written to JSON as null, and null is read as NaN.
type Result struct {
	Channel string
	Method  string
	Setting string // how a classical filter was tuned, for people; not in the JSON
	Model   bool   // a model rather than a classical filter; not in the JSON
	Ahead   int    // samples after t that the estimate at t uses; classic.Full: all there are

	SNRIn  float64 // dB, against the variance of the training part
	SNROut float64 // dB, SNRIn + Gain
	Gain   float64 // dB
	RMSE   float64 // in the channel's unit
	MAD    float64 // largest absolute error, in the channel's unit
	PRD    float64 // percent
	Cos    float64
	// Coverage and Width are those of the interval, NaN where there is none.
	Coverage    float64
	Width       float64 // in the channel's unit
	Lag         float64 // samples by which the estimate trails; NaN where that can't be told
	USPerSample float64 // microseconds; NaN where it was not measured

	SSD    float64 // sum of squared errors, in the channel's unit squared
	RRMSET float64 // relative error in time
	RRMSES float64 // relative error of the spectrum
	CC     float64 // correlation
	LSD    float64 // log-spectral distance, dB

	CRPS           float64             // of the 90 % interval taken as a Gaussian, in the channel's unit
	CoverageBlocks float64             // share of blocks of 1,000 samples that are covered as they should
	Reliability    [NumNominal]float64 // coverage by Nominal(); NaN where there is no such interval
	Served         *Served             // what served, of a method that chooses; else nil
}

// number is a float64 that JSON can hold.
type number float64

func (n number) MarshalJSON() ([]byte, error) {
	if !finite(float64(n)) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

func (n *number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = number(math.NaN())
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}

// wireResult fixes names and order of the JSON keys.
type wireResult struct {
	Channel     string `json:"channel"`
	Method      string `json:"method"`
	SNRIn       number `json:"snr_in_db"`
	SNROut      number `json:"snr_out_db"`
	Gain        number `json:"gain_db"`
	RMSE        number `json:"rmse"`
	MAD         number `json:"mad"`
	PRD         number `json:"prd"`
	Cos         number `json:"cos"`
	Coverage    number `json:"coverage"`
	Width       number `json:"width"`
	Lag         number `json:"lag_samples"`
	USPerSample number `json:"us_per_sample"`

	SSD            number        `json:"ssd"`
	RRMSET         number        `json:"rrmse_t"`
	RRMSES         number        `json:"rrmse_s"`
	CC             number        `json:"cc"`
	CRPS           number        `json:"crps"`
	CoverageBlocks number        `json:"coverage_blocks"`
	LSD            number        `json:"lsd_db"`
	Lookahead      *int          `json:"lookahead_samples"` // null: the whole recording
	Reliability    []reliability `json:"reliability"`       // null where there is no interval
	Served         *Served       `json:"served,omitempty"`
}

// reliability is the observed coverage of an interval that claims to cover a
// share of nominal.
type reliability struct {
	Nominal  float64 `json:"nominal"`
	Coverage number  `json:"coverage"`
}

// MarshalJSON implements json.Marshaler.
func (r Result) MarshalJSON() ([]byte, error) {
	w := wireResult{r.Channel, r.Method, number(r.SNRIn), number(r.SNROut), number(r.Gain), number(r.RMSE),
		number(r.MAD), number(r.PRD), number(r.Cos), number(r.Coverage), number(r.Width), number(r.Lag), number(r.USPerSample),
		number(r.SSD), number(r.RRMSET), number(r.RRMSES), number(r.CC), number(r.CRPS), number(r.CoverageBlocks), number(r.LSD), nil, nil, r.Served}
	if r.Ahead != classic.Full {
		w.Lookahead = &r.Ahead
	}
	for i, nominal := range Nominal() {
		if v := r.Reliability[i]; finite(v) {
			w.Reliability = append(w.Reliability, reliability{nominal, number(v)})
		}
	}
	return json.Marshal(w)
}

// UnmarshalJSON implements json.Unmarshaler.
func (r *Result) UnmarshalJSON(b []byte) error {
	var w wireResult
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	*r = Result{Channel: w.Channel, Method: w.Method, SNRIn: float64(w.SNRIn), SNROut: float64(w.SNROut), Gain: float64(w.Gain),
		RMSE: float64(w.RMSE), MAD: float64(w.MAD), PRD: float64(w.PRD), Cos: float64(w.Cos), Coverage: float64(w.Coverage),
		Width: float64(w.Width), Lag: float64(w.Lag), USPerSample: float64(w.USPerSample),
		SSD: float64(w.SSD), RRMSET: float64(w.RRMSET), RRMSES: float64(w.RRMSES), CC: float64(w.CC), CRPS: float64(w.CRPS),
		CoverageBlocks: float64(w.CoverageBlocks), LSD: float64(w.LSD), Ahead: classic.Full, Reliability: noReliability(), Served: w.Served}
	if w.Lookahead != nil {
		r.Ahead = *w.Lookahead
	}
	for i, nominal := range Nominal() {
		for _, x := range w.Reliability {
			if x.Nominal == nominal {
				r.Reliability[i] = float64(x.Coverage)
			}
		}
	}
	return nil
}
