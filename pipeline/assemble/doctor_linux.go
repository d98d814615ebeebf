package assemble

import (
	"golang.org/x/sys/unix"
)

// volume returns the kind of a folder's file system, as far as it matters, and the
// bytes that are free for this user.
func volume(dir string) (kind string, free uint64, known bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return "", 0, false
	}
	kind = map[int64]string{
		unix.TMPFS_MAGIC: "tmpfs", unix.RAMFS_MAGIC: "ramfs", unix.NFS_SUPER_MAGIC: "nfs", unix.SMB2_SUPER_MAGIC: "cifs",
		unix.FUSE_SUPER_MAGIC: "fuse", unix.OVERLAYFS_SUPER_MAGIC: "(overlay)",
	}[int64(s.Type)]
	return kind, s.Bavail * uint64(s.Bsize), true
}

// clock asks the kernel whether something keeps its clock right.
func (d *doctor) clock() {
	var t unix.Timex
	state, err := unix.ClockAdjtime(unix.CLOCK_REALTIME, &t)
	switch {
	case err != nil:
		d.say("clock", "ntp", FindingSkip, "", "the kernel does not tell")
	case state == unix.TIME_ERROR:
		d.say("clock", "ntp", FindingWarn, "run chrony, systemd-timesyncd or another NTP client; arrival times and the skew guard go by this clock", "nothing keeps this machine's clock right")
	default:
		d.say("clock", "ntp", FindingOK, "", "this machine's clock is kept right")
	}
}
