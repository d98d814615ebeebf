package main

import (
	"github.com/spf13/cobra"

	"github.com/quell-stream/quell/model/train"
)

// recipeOptions are the flags of training techniques.
type recipeOptions struct {
	loss, schedule, init           string
	ema, dropout, contract, sparse float64
	curriculum                     bool
	scheduleSet                    bool // --schedule was given

	labelsWeight, labelsSmooth, labelsBootstrap float64
}

// recipeFlags adds the flags of training techniques; docs/techniques.md tells
// what each did.
func recipeFlags(cmd *cobra.Command, o *recipeOptions) {
	f := cmd.Flags()
	f.StringVar(&o.loss, "loss", "mse", "`loss` of the estimate: mse, huber:BOUND, l1, spectral:WEIGHT or feature:WEIGHT")
	f.StringVar(&o.schedule, "schedule", string(train.OneCycleKind), "`how` the learning rate goes: onecycle, cosine or constant")
	f.StringVar(&o.init, "init", "he", "`how` the first weights are drawn: he, or unit, which keeps the scale behind linear layers, too")
	f.Float64Var(&o.ema, "ema", 0, "keep the mean of the weights over the updates, of this `decay`, such as 0.999; without truth it teaches the next round, too")
	f.Float64Var(&o.dropout, "dropout", 0, "`share` of channels that are left out in an update, such as 0.1")
	f.Float64Var(&o.contract, "contract", 0, "`weight` of a contractive penalty, for nets of kind dae")
	f.Float64Var(&o.sparse, "sparse", 0, "`share` of time that the channels of a dae's code should be active for")
}

// recipe returns the techniques that were chosen.
func (o *recipeOptions) recipe() (train.Recipe, error) {
	r := train.Recipe{Schedule: train.ScheduleKind(o.schedule), EMA: o.ema, Dropout: o.dropout, Contract: o.contract, Sparse: o.sparse,
		LabelWeight: o.labelsWeight, LabelSmoothing: o.labelsSmooth, Bootstrap: o.labelsBootstrap}
	if _, err := r.Schedule.New(1, 1); err != nil {
		return r, usageError("--schedule: %w", err)
	}
	var err error
	if r.Loss, err = train.ParseLoss(o.loss); err != nil {
		return r, usageError("--loss: %w", err)
	}
	if r.Init, err = train.ParseInit(o.init); err != nil {
		return r, usageError("--init: %w", err)
	}
	for _, v := range []struct {
		flag  string
		value float64
	}{{"--ema", o.ema}, {"--dropout", o.dropout}, {"--sparse", o.sparse}, {"--labels-smooth", o.labelsSmooth}, {"--labels-bootstrap", o.labelsBootstrap}} {
		if !(v.value >= 0 && v.value < 1) {
			return r, usageError("%s %g: want 0 up to, but not, 1", v.flag, v.value)
		}
	}
	for _, v := range []struct {
		flag  string
		value float64
	}{{"--contract", o.contract}, {"--labels-weight", o.labelsWeight}} {
		if !(v.value >= 0 && v.value < 1e9) {
			return r, usageError("%s %g: want a weight of 0 or more", v.flag, v.value)
		}
	}
	return r, nil
}
