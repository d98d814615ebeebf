package eval

import (
	"encoding/json"
	"math"
)

// Result is the score of one method on one channel at one noise level. NaN and
// infinities are written to JSON as null, and null is read as NaN.
type Result struct {
	Channel string
	Method  string
	Setting string // how a classical filter was tuned, for people; not in the JSON

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
}

// MarshalJSON implements json.Marshaler.
func (r Result) MarshalJSON() ([]byte, error) {
	return json.Marshal(wireResult{r.Channel, r.Method, number(r.SNRIn), number(r.SNROut), number(r.Gain), number(r.RMSE),
		number(r.MAD), number(r.PRD), number(r.Cos), number(r.Coverage), number(r.Width), number(r.Lag), number(r.USPerSample)})
}

// UnmarshalJSON implements json.Unmarshaler.
func (r *Result) UnmarshalJSON(b []byte) error {
	var w wireResult
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	*r = Result{Channel: w.Channel, Method: w.Method, SNRIn: float64(w.SNRIn), SNROut: float64(w.SNROut), Gain: float64(w.Gain),
		RMSE: float64(w.RMSE), MAD: float64(w.MAD), PRD: float64(w.PRD), Cos: float64(w.Cos), Coverage: float64(w.Coverage),
		Width: float64(w.Width), Lag: float64(w.Lag), USPerSample: float64(w.USPerSample)}
	return nil
}
