package train

import (
	"errors"
	"fmt"
	"math"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/nn"
)

// Recipe are the techniques that a training may choose. The zero Recipe is squared
// error, one cycle and nothing else.
type Recipe struct {
	Loss     Loss         // of the estimate, default SquaredError{}
	Schedule ScheduleKind // default OneCycleKind
	Init     nn.Init      // of a net that is not trained before, default nn.He

	// EMA, if above 0, is the decay of an exponential mean of the weights, which is
	// what is validated and kept in their place, and what the next round of FineTune
	// learns from. Customary is .999.
	EMA float64
	// Dropout is the share of channels that are left out in an update.
	Dropout float64
	// Pretrain, if above 0, is how many updates each layer of a dae gets by itself,
	// before the whole net is trained: a stacked denoising autoencoder.
	Pretrain int
	// Contract is the weight of a penalty on the Jacobian of the estimate, for nets
	// that return the clean signal.
	Contract float64
	// LabelWeight is what the cross-entropy of classes counts beside the loss, default
	// .5, whatever share of the recordings is labelled. LabelSmoothing and Bootstrap
	// are for labels that may be wrong, see Head.
	LabelWeight, LabelSmoothing, Bootstrap float64
	// Sparse, if above 0, is the share of time that the channels of the code of a dae
	// should be active for.
	Sparse float64
}

// check says whether a net of an architecture can be trained so.
func (r *Recipe) check(a Arch) error {
	if _, err := r.Schedule.New(1, 1); err != nil {
		return err
	}
	for _, v := range []struct {
		name  string
		value float64
	}{{"EMA", r.EMA}, {"dropout", r.Dropout}, {"sparse", r.Sparse}, {"label smoothing", r.LabelSmoothing}, {"bootstrap", r.Bootstrap}} {
		if !(v.value >= 0 && v.value < 1) {
			return fmt.Errorf("train: %s %g: want 0 up to, but not, 1", v.name, v.value)
		}
	}
	if !(r.LabelWeight >= 0) || math.IsInf(r.LabelWeight, 0) {
		return fmt.Errorf("train: label weight %g: want a weight of 0 or more", r.LabelWeight)
	}
	if !(r.Contract >= 0) || math.IsInf(r.Contract, 0) {
		return fmt.Errorf("train: contract %g: want a weight of 0 or more", r.Contract)
	}
	if r.Pretrain < 0 {
		return fmt.Errorf("train: pretrain %d: want a number of updates", r.Pretrain)
	}
	if r.Pretrain > 0 {
		if _, err := stackLevels(a.Spec); err != nil {
			return err
		}
	}
	if r.Contract > 0 && (a.Residual || a.Spread || len(a.Inputs) == 0 || a.Inputs[0] != model.Signal || a.binary() || len(a.Classes) > 0) {
		return errors.New("train: contract is for nets that return the clean signal and nothing else: take one of kind dae, without labels and binary channels")
	}
	if a.Kind == model.BlindSpot && r.Loss != nil && r.Loss != (SquaredError{}) {
		return errors.New("train: a blind-spot net is trained by the likelihood of the readings: leave the loss out")
	}
	if r.Sparse > 0 {
		if a.Spec.Has(nn.BatchNorm, nn.Dropout, nn.FiLM) {
			return errors.New("train: sparse is for nets without batchnorm, dropout and film layers: leave one of both out")
		}
		_, _, err := encoder(a.Spec)
		return err
	}
	return nil
}

// fit adds the recipe to a config for a net of the architecture.
func (r *Recipe) fit(cfg FitConfig, a Arch, peak float64) (FitConfig, error) {
	if err := r.check(a); err != nil {
		return cfg, err
	}
	if l, ok := r.Loss.(Feature); ok && l.from == nil {
		return cfg, errors.New("train: the feature loss needs clean recordings, to which its net is fitted")
	}
	var err error
	cfg.Schedule, err = r.Schedule.New(peak, cfg.Steps)
	head := Head{Weight: r.LabelWeight, Smoothing: r.LabelSmoothing, Bootstrap: r.Bootstrap}
	setDefault(&head.Weight, .5)
	cfg.Loss = a.lossOf(r.Loss, spreadWeight, head)
	cfg.EMA, cfg.Dropout, cfg.Contract, cfg.Sparse = r.EMA, r.Dropout, r.Contract, r.Sparse
	return cfg, err
}

// checkNoisy says whether the recipe can do with noisy targets.
func (r *Recipe) checkNoisy() error {
	if _, ok := r.Loss.(Spectral); ok {
		return errors.New("train: the spectral loss needs clean targets or IDR's guess of them: a noisy target has the spectrum of its noise")
	}
	return nil
}

// ParseInit reads how first weights are drawn: he or unit.
func ParseInit(text string) (nn.Init, error) {
	switch text {
	case "he":
		return nn.He, nil
	case "unit":
		return nn.UnitVariance, nil
	}
	return 0, fmt.Errorf("train: there is no init %q: choose he or unit", text)
}
