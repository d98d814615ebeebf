// Package load drives a running Quell with messages from many devices, counts what comes
// out, and weighs what the process costs: it is what quell bench pipeline measures with.
//
// The devices' grids are one: message k of every device bears the time of slot k, so that
// what a record answers to is known from its time stamp. A record of slot k is due when
// message k + look-ahead of its device has been sent, and its latency counts from there.
package load

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Message is one message of a device.
type Message struct {
	Device  int
	K       int // number of the message, from 0 for each device
	Payload []byte
}

// Fleet makes the messages of devices.
type Fleet struct {
	Devices int
	Every   time.Duration // from one message of a device to its next, in its time stamps
	Start   time.Time     // time stamp of the first
}

// Name returns the name of a device.
func (f *Fleet) Name(device int) string { return fmt.Sprintf("dev-%06d", device) }

// device returns the number that a name stands for, -1 where it is none of the fleet.
func (f *Fleet) device(name string) int {
	n, err := strconv.Atoi(name[min(len(name), len("dev-")):])
	if err != nil || n < 0 || n >= f.Devices || f.Name(n) != name {
		return -1
	}
	return n
}

// Append appends message k of a device, which has some 200 bytes: one channel, and
// around it what devices send besides.
func (f *Fleet) Append(dst []byte, device, k int) []byte {
	t := f.Start.Add(time.Duration(k) * f.Every).UnixMilli()
	dst = append(append(dst, `{"device":"`...), f.Name(device)...)
	dst = strconv.AppendInt(append(dst, `","ts":`...), t, 10)
	dst = strconv.AppendInt(append(dst, `,"seq":`...), int64(k), 10)
	dst = strconv.AppendFloat(append(dst, `,"value":`...), f.Value(device, k), 'f', 4, 64)
	return append(dst, `,"fw":"2.4.1","site":"north-hall","line":7,"rssi":-67,"battery":3.71,"status":"running","uptime_s":86412,"heap":48211,"tz":"UTC","q":1}`...)
}

// Value is reading k of a device: a slow wave of the device's own with white noise of deviation 1.
func (f *Fleet) Value(device, k int) float64 {
	x := uint64(device)<<32 | uint64(k)
	noise := -6.
	for range 12 { // the sum of twelve uniform draws is near enough to normal
		x += 0x9e3779b97f4a7c15
		z := (x ^ x>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		noise += float64((z^z>>31)>>11) / (1 << 53)
	}
	return 20 + 5*math.Sin(float64(k)/40+float64(device)) + noise
}
