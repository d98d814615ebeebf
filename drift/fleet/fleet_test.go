package fleet_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/quell-stream/quell/drift/fleet"
)

func Example() {
	var c fleet.Config
	fmt.Println(c.Judge(100, []int64{1500}))
	fmt.Println(c.Judge(100, slices.Repeat([]int64{1500}, 12)))
	// Output:
	// 1 of 100 series drifted, 1 beyond what false alarms would explain, 10 needed: single sensors
	// 12 of 100 series drifted, 12 beyond what false alarms would explain, 10 needed: the stream
}

func TestJudge(t *testing.T) {
	for _, test := range []struct {
		series          int
		ages            []int64
		counted, needed int
		drift           bool
	}{
		{series: 1, ages: []int64{2000}, counted: 1, needed: 1, drift: true},
		{series: 1, needed: 1},
		{series: 10, ages: []int64{2000}, counted: 1, needed: 1, drift: true},
		{series: 11, ages: []int64{2000}, counted: 1, needed: 2},
		{series: 100, ages: []int64{500}, counted: 1, needed: 10},
		{series: 100, ages: []int64{1999, 1999}, counted: 2, needed: 10},
		{series: 100, ages: []int64{500, 90_000, 70_000}, counted: 1, needed: 10},
		{series: 100, ages: []int64{100, 90_000, 90_100, 90_200, 200_000}, counted: 3, needed: 10},
		{series: 0, ages: []int64{1}, counted: 1, needed: 1, drift: true},
		{series: 4, ages: []int64{-5}, counted: 1, needed: 1, drift: true},
	} {
		v := fleet.Config{}.Judge(test.series, slices.Clone(test.ages))
		if v.Counted != test.counted || v.Needed != test.needed || v.Drift() != test.drift || v.Drifted != len(test.ages) {
			t.Errorf("%d series, drifts %v: %+v, drift %v", test.series, test.ages, v, v.Drift())
		}
	}
}

// A drift does not count less the longer it lasts, whatever the rate of false alarms,
// nor does it take more of those that came together.
func TestADriftCountsForAsLongAsItLasts(t *testing.T) {
	for _, rate := range []float64{1e-6, 1e-5, 1e-4} {
		c := fleet.Config{FalseAlarms: rate}
		for _, age := range []int64{0, 1536, 20_000, 1 << 40} {
			for series, enough := range map[int]int{1: 1, 10: 1, 100: 10} {
				for n, want := range map[int]bool{enough: true, enough - 1: false} {
					var ages []int64
					for i := range n {
						ages = append(ages, age+int64(i))
					}
					if v := c.Judge(series, ages); v.Drift() != want {
						t.Errorf("rate %g, %d of %d series, %d samples ago: %v", rate, n, series, age, v)
					}
				}
			}
		}
	}
}

// TestOneBadSensorAndNothingElse looks at a stream of a hundred series in which
// nothing happens, at every drift that is opened: each stays open for a while,
// and one sensor has one all the time.
func TestOneBadSensorAndNothingElse(t *testing.T) {
	for _, rate := range []float64{1e-6, 1e-5, 1e-4} {
		oneBadSensor(t, rate)
	}
}

func oneBadSensor(t *testing.T, rate float64) {
	const series, open = 100, 5000
	steps := int64(1 / rate)
	c := fleet.Config{FalseAlarms: rate}
	r := rand.New(rand.NewPCG(1, 2))
	since := make([]int64, series)
	for i := range since {
		since[i] = -1
	}
	looks, drifts, most := 0, 0, 0
	for now := int64(0); now < steps; now++ {
		since[0] = max(since[0], 0)
		opened := false
		for i := 1; i < series; i++ {
			switch {
			case since[i] >= 0 && now-since[i] > open:
				since[i] = -1
			case since[i] < 0 && r.Float64() < rate:
				since[i], opened = now, true
			}
		}
		if !opened {
			continue
		}
		var ages []int64
		for _, s := range since {
			if s >= 0 {
				ages = append(ages, now-s)
			}
		}
		v := c.Judge(series, ages)
		looks++
		most = max(most, v.Drifted)
		if v.Drift() {
			drifts++
		}
	}
	t.Logf("rate %g: %d looks, up to %d drifts open at once, %d times the stream", rate, looks, most, drifts)
	if looks < 60 || most < 2 {
		t.Fatalf("%d looks at up to %d drifts say nothing", looks, most)
	}
	if drifts > 0 {
		t.Errorf("rate %g: single sensors are taken for the stream %d times in %d", rate, drifts, looks)
	}
}

func TestValidate(t *testing.T) {
	if err := (fleet.Config{}).Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	for _, c := range []fleet.Config{{Share: -1}, {Share: 1.1}, {Level: 1}, {Level: -0.1}, {FalseAlarms: 1}, {FalseAlarms: -1}} {
		if err := c.Validate(); err == nil {
			t.Errorf("%+v is valid", c)
		}
	}
}
