package monitor

// The faults of a sensor, which a decision of kind Fault names.
const (
	Stuck       = "stuck"        // one reading for longer than chance allows
	Spikes      = "spikes"       // isolated outliers
	Bias        = "bias"         // a step against the channels that usually go with it
	SensorDrift = "sensor_drift" // the same, growing slowly
	Saturation  = "saturation"   // readings end at a rail
	DropOut     = "dropout"      // readings are missing
)

// faultCode names a rule that fired; zero: none.
type faultCode uint8

const (
	sound faultCode = iota
	stuck
	dropOut
	atRail
	clipping
	spiky
	biased
	drifting
	codes
)

// name returns the fault that a rule stands for, "" for none.
func (c faultCode) name() string {
	return [codes]string{"", Stuck, DropOut, Saturation, Saturation, Spikes, Bias, SensorDrift}[c]
}

// NE107 returns the status signal of NAMUR NE 107 for a drift: failure,
// out_of_specification, maintenance_required or normal; "" where the kind is
// unknown, of which nothing is said. fault is that of a drift of kind Fault.
func NE107(kind, fault string) string {
	switch {
	case kind == Noise:
		return "maintenance_required"
	case kind == Regime:
		return "normal" // the process moved, the device is well
	case kind != Fault:
		return ""
	}
	switch fault {
	case Stuck, DropOut:
		return "failure"
	case Saturation, Bias:
		return "out_of_specification"
	}
	return "maintenance_required"
}

// OPCUA returns the status code of OPC UA (part 8, table of data access status
// codes, and part 4) that suits the readings of a channel while the drift is
// open, by its symbolic name.
func OPCUA(kind, fault string) string {
	if kind != Fault {
		return "Good"
	}
	switch fault {
	case Stuck:
		return "Bad_SensorFailure"
	case DropOut:
		return "Bad_NoCommunication"
	case Saturation:
		return "Uncertain_EngineeringUnitsExceeded"
	case Bias, SensorDrift:
		return "Uncertain_SensorNotAccurate"
	}
	return "Good" // spikes: each is replaced, and told by the record's quality
}
