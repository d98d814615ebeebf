package view

// Models is what a stream serves with, and what it learns.
type Models struct {
	Models     []Model      `json:"models"`
	Adaptation []Adaptation `json:"adaptation"`
}

// The states of a Model.
const (
	Serving    = "serving"
	Challenger = "challenger" // trained, and being judged
	Probation  = "probation"  // promoted, and being watched
	Offered    = "offered"    // a file that somebody put there to be promoted by hand
	Kept       = "kept"       // served before, or is there for a regime that may return
)

// Model is a model that serves, or may.
type Model struct {
	Name    string             `json:"name"`
	Stream  string             `json:"stream"`
	Series  []string           `json:"series"` // that it serves, or was trained for: the first 20
	Serves  int                `json:"serves"` // how many
	Origin  string             `json:"origin"` // base, file, fine-tune or bank
	Made    Stamp              `json:"made"`
	Parent  *string            `json:"parent"`
	Figures map[string]float64 `json:"figures"` // of its card
	State   string             `json:"state"`
}

// The phases of an Adaptation.
const (
	Idle       = "idle"
	Collecting = "collecting"
	Training   = "training"
	Judging    = "gate"
	// and Probation
)

// Adaptation is how far the adaptation of a series has come; of a stream whose series
// share one model the series is "".
type Adaptation struct {
	Stream     string    `json:"stream"`
	Series     string    `json:"series"`
	Phase      string    `json:"phase"`
	Windows    int       `json:"windows"` // since the drift
	Need       int       `json:"need"`    // that the next fine-tune waits for
	Evidence   *Evidence `json:"evidence"`
	Curve      []Step    `json:"curve"` // of the latest fine-tune
	Steps      int       `json:"steps"` // that the latest fine-tune takes, or the next one may
	Challenger *string   `json:"challenger"`
	Gain       Number    `json:"gain_db"`
}

// Evidence is that of a test that goes on: the natural logarithms of what betting on the
// model has made of 1 and must make for it to be accepted, and of what betting on the
// other has made and must make for it to be rejected.
type Evidence struct {
	LogE    Number `json:"log_e"`
	Accept  Number `json:"accept"`
	Against Number `json:"against"`
	Reject  Number `json:"reject"`
}

// Step is a point of a training curve.
type Step struct {
	Step    int    `json:"step"`
	Loss    Number `json:"loss"`
	Holdout Number `json:"holdout"`
}

// Replay is what a replay buffer holds of a series.
type Replay struct {
	Bytes    int64    `json:"bytes"`
	MaxBytes int64    `json:"max_bytes"`
	Windows  []Window `json:"windows"`
}

// Window is a window of a replay buffer.
type Window struct {
	ID          string `json:"id"`
	From        int64  `json:"from_index"` // position of its first slot over all contexts
	Time        Stamp  `json:"ts"`
	Regime      int    `json:"regime"`
	HeldOut     bool   `json:"held_out"`
	Quarantined bool   `json:"quarantined"`
	Excluded    bool   `json:"excluded"`
	Sigma       Number `json:"sigma"` // deviation of the noise of its first channel
}

// Trace is what a window holds of a channel, in the channel's unit.
type Trace struct {
	Name   string   `json:"name"`
	Values []Number `json:"values"`
}
