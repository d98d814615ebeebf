//go:build !linux

package assemble

// volume tells nothing: what a folder lies on is asked differently everywhere.
func volume(string) (kind string, free uint64, known bool) { return "", 0, false }

func (d *doctor) clock() {
	d.say("clock", "ntp", FindingSkip, "", "this platform does not tell whether its clock is kept right")
}
