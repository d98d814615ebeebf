package monitor

import "testing"

func TestStatus(t *testing.T) {
	for _, c := range []struct{ kind, fault, ne107, opcua string }{
		{Noise, "", "maintenance_required", "Good"},
		{Regime, "", "normal", "Good"},
		{Unknown, "", "", "Good"},
		{Fault, Stuck, "failure", "Bad_SensorFailure"},
		{Fault, DropOut, "failure", "Bad_NoCommunication"},
		{Fault, Saturation, "out_of_specification", "Uncertain_EngineeringUnitsExceeded"},
		{Fault, Bias, "out_of_specification", "Uncertain_SensorNotAccurate"},
		{Fault, SensorDrift, "maintenance_required", "Uncertain_SensorNotAccurate"},
		{Fault, Spikes, "maintenance_required", "Good"},
	} {
		if got := NE107(c.kind, c.fault); got != c.ne107 {
			t.Errorf("NE107(%q, %q) = %q, want %q", c.kind, c.fault, got, c.ne107)
		}
		if got := OPCUA(c.kind, c.fault); got != c.opcua {
			t.Errorf("OPCUA(%q, %q) = %q, want %q", c.kind, c.fault, got, c.opcua)
		}
	}
	for code := sound; code < codes; code++ {
		if name := code.name(); (name == "") != (code == sound) {
			t.Errorf("code %d is named %q", code, name)
		}
	}
}
