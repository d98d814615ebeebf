//go:build faults

package faults

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/quell-stream/quell/test/harness"
)

// smallDisk is a tmpfs of some MiB for a job's state, in a mount namespace of its own
// that a sleeping process holds. Nothing of it is left behind.
type smallDisk struct {
	t      *testing.T
	holder *exec.Cmd
	path   string
}

// newSmallDisk mounts a tmpfs on the job's state directory and has the job run
// within. It returns nil where the system allows no namespaces.
func newSmallDisk(t *testing.T, j *job, mib int) *smallDisk {
	t.Helper()
	d := &smallDisk{t: t, path: filepath.Join(j.dir, "state")}
	if err := os.MkdirAll(d.path, 0o700); err != nil {
		t.Fatal(err)
	}
	ready := filepath.Join(j.dir, "mounted")
	script := fmt.Sprintf("mount -t tmpfs -o size=%dm,mode=700 tmpfs %q && touch %q && exec sleep 3600", mib, d.path, ready)
	d.holder = exec.Command("unshare", "-Urm", "sh", "-c", script)
	if err := d.holder.Start(); err != nil {
		t.Log(err)
		return nil
	}
	t.Cleanup(func() { _ = d.holder.Process.Kill(); _ = d.holder.Wait() })
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(ready); err == nil {
			j.within = []string{"nsenter", "-t", strconv.Itoa(d.holder.Process.Pid), "-U", "-m", "--preserve-credentials"}
			return d
		}
	}
	t.Log("no tmpfs in a user namespace here: a limit of the size of files stands for a full disk")
	return nil
}

// do runs a command within the namespace.
func (d *smallDisk) do(script string) {
	d.t.Helper()
	pid := strconv.Itoa(d.holder.Process.Pid)
	out, err := exec.Command("nsenter", "-t", pid, "-U", "-m", "--preserve-credentials", "sh", "-c", script).CombinedOutput()
	if err != nil {
		d.t.Fatalf("%s: %v: %s", script, err, out)
	}
}

func TestDisk(t *testing.T) {
	scenario(t, "disk")
	n := count(t, 50, 3)
	t.Run("full", func(t *testing.T) { diskFull(t, max(1, n/5)) })
	t.Run("readonly", readOnly)
	t.Run("damage", func(t *testing.T) { damage(t, n) })
}

// diskFull fills the disk of a stream while its sink is away, so that the journal
// grows; kills the process meanwhile, gives room and brings the sink back.
func diskFull(t *testing.T, times int) {
	r := newRow(t, "disk full")
	w := newLink(t, "127.0.0.1:0", harness.Address(lab.MQTTPort))
	l := newLedger()
	collectMQTT(t, l, "full/out/#")
	j := newJob(t, mqttConfig, append([]string{"@OUT@", w.address()}, plain("full", "@MQTT@", "@MQTT@")...)...)
	disk := newSmallDisk(t, j, 8)
	if disk == nil {
		j.within = []string{"sh", "-c", `ulimit -f 1024; exec "$0" "$@"`} // KiB
	}
	j.startReady()
	f := feed(t, &mqttSender{topic: "full/in"}, l, &signal{prefix: "p", series: 4}, 800)
	for i := range times {
		before := l.progress()
		j.until("records arrive", func() bool { return l.progress() > before })
		w.cut()
		seen := len(j.log())
		if disk != nil {
			disk.do(fmt.Sprintf("dd if=/dev/zero of=%s/ballast bs=64k 2>/dev/null; true", disk.path))
		}
		full := func() bool {
			said := j.log()[seen:]
			return j.ended() || strings.Contains(said, "no space left") || strings.Contains(said, "file too large")
		}
		for deadline := time.Now().Add(patience); !full(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the disk is full, and the log says nothing of it:\n%s", j.logTail(20))
			}
		}
		time.Sleep(300 * time.Millisecond)
		if i%2 == 0 {
			j.kill()
		}
		if j.ended() {
			// On a full disk a start may fail, in one sentence; it must not do harm.
			seen := len(j.log())
			j.start()
			for deadline := time.Now().Add(patience / 6); !j.ended() && !strings.Contains(j.log()[seen:], "partitions assigned"); time.Sleep(20 * time.Millisecond) {
				if time.Now().After(deadline) {
					break // it waits for room
				}
			}
			if j.ended() {
				oneSentence(t, r, j, "space")
			}
		}
		if disk != nil {
			disk.do("rm " + disk.path + "/ballast")
		} else {
			j.kill()
			j.within = nil // the limit is the process's own
		}
		w.heal()
		again := true
		j.until("the journal can be written", func() bool {
			if again && j.ended() { // by the full disk, before or after there was room
				again = false
				j.start()
			}
			said := j.log()
			return strings.LastIndex(said, "can't be written") < max(strings.LastIndex(said, "can be written again"), strings.LastIndex(said, "msg=starting"))
		})
	}
	f.stop(t)
	settle(t, l, j)
	j.ready()
	j.stop(r)
	r.add(times, l.balance(t), j.peak)
	whole(t, r, l)
}

// oneSentence checks how a process ended that could not go on: exit code 1, and a last
// line that says why.
func oneSentence(t *testing.T, r *row, j *job, word string) {
	t.Helper()
	code := j.exit()
	last := strings.TrimSpace(j.logTail(1))
	t.Logf("exit code %d: %s", code, last)
	if code != 1 || !strings.HasPrefix(last, "quell: ") || !strings.Contains(last, word) || strings.Contains(j.log(), "goroutine ") {
		r.miss("exit code %d, want 1 and a sentence with %q: %s", code, word, last)
	}
}

// readOnly starts a process on a state directory that can't be written, and has one
// become so under a process.
func readOnly(t *testing.T) {
	r := newRow(t, "read-only state_dir")
	l := newLedger()
	collectMQTT(t, l, "ro/out/#")
	j := newJob(t, mqttConfig, plain("ro", "@MQTT@", "@MQTT@")...)
	disk := newSmallDisk(t, j, 64)
	if disk == nil {
		j.within = []string{"sh", "-c", `ulimit -f 0; exec "$0" "$@" 2>&1 | cat >&2`}
		j.start()
		j.exit()
		if !strings.Contains(j.log(), "file too large") {
			r.miss("a state_dir that takes nothing: %s", j.logTail(3))
		}
		r.add(1, counts{}, 0)
		return
	}
	remount := func(how string) { disk.do(fmt.Sprintf("mount -o remount,%s %q", how, disk.path)) }
	remount("ro")
	j.start()
	oneSentence(t, r, j, "read-only")
	remount("rw")
	j.startReady()
	f := feed(t, &mqttSender{topic: "ro/in"}, l, &signal{prefix: "p", series: 4}, 400)
	before := l.progress()
	j.until("records arrive", func() bool { return l.progress() > before+100 })
	// With files open for writing a remount is refused; the bind mount is not.
	disk.do(fmt.Sprintf("mount --bind %[1]q %[1]q && mount -o remount,bind,ro %[1]q", disk.path))
	time.Sleep(2 * time.Second)
	j.kill()
	j.start()
	oneSentence(t, r, j, "read-only")
	disk.do(fmt.Sprintf("umount %q", disk.path))
	j.startReady()
	f.stop(t)
	settle(t, l, j)
	j.stop(r)
	r.add(3, l.balance(t), j.peak)
	whole(t, r, l)
}

// damage kills a process, tears or flips what it has on disk at a drawn place, and
// starts it again: torn ends are cut off, damaged files set aside, and what was in
// none of them is not lost.
func damage(t *testing.T, times int) {
	torn := newRow(t, "torn state, journal, spool")
	flipped := newRow(t, "flipped bits in state, journal, spool")
	rnd := rand.New(rand.NewPCG(29, 1))
	for i := range times {
		r := torn
		if i%2 == 1 {
			r = flipped
		}
		t.Run(fmt.Sprint(i), func(t *testing.T) { damageOnce(t, r, fmt.Sprintf("damage%d", i), rnd, i%2 == 0) })
	}
}

func damageOnce(t *testing.T, r *row, name string, rnd *rand.Rand, tear bool) {
	w := newLink(t, "127.0.0.1:0", harness.Address(lab.MQTTPort))
	l := newLedger()
	collectMQTT(t, l, name+"/out/#")
	j := newJob(t, mqttConfig, append([]string{"@OUT@", w.address(), "@SPOOL@", ", spool: {max_bytes: 64MiB, spill_after: 200ms}",
		"@JOURNAL@", ", journal_bytes: 1MiB"}, plain(name, "@MQTT@", "@MQTT@")...)...)
	j.startReady()
	f := feed(t, &mqttSender{topic: name + "/in"}, l, &signal{prefix: "p", series: 4}, 1000)
	ripe := l.progress() + 50 + rnd.IntN(4000)
	j.until("records arrive", func() bool { return l.progress() > ripe })
	w.cut() // so that something is in the spool
	j.until("the spool is in use", func() bool { return j.metric("quell_spool_items") > 0 })
	time.Sleep(time.Duration(1000+rnd.IntN(1500)) * time.Millisecond)
	j.kill()
	path, lost := harm(t, j, rnd, tear)
	seen := len(j.log())
	w.heal()
	j.start()
	for deadline := time.Now().Add(patience); !j.isReady(); time.Sleep(20 * time.Millisecond) {
		if j.ended() || time.Now().After(deadline) {
			r.miss("after damage to %s it does not start: %s", path, j.logTail(2))
			return
		}
	}
	// Behind a hole slots wait as long as a late sample may take, which is 200 of each
	// series.
	ripe = l.sending() + 4*300
	j.until("enough is sent behind the damage", func() bool { return l.sending() > ripe })
	f.stop(t)
	settleBut(t, l, lost, j)
	j.stop(r)
	c := l.balance(t)
	said := damageLine(j.log()[seen:])
	t.Logf("%s: %d lost, at most %d expected: %s", path, c.lost, lost, said)
	aside, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*.corrupt*"))
	if err != nil {
		t.Fatal(err)
	}
	if said == "" && filepath.Base(path) != "cursor" { // which is no more than a hint
		r.miss("%s: the log says nothing of the damage", path)
	}
	if !tear && len(aside) == 0 && !strings.Contains(said, "torn") && filepath.Base(path) != "cursor" {
		r.miss("%s: a flipped bit was not set aside", path)
	}
	if n := c.lost + c.wrong; n <= lost { // it was in the very bytes that the disk lost
		c.received, c.lost, c.wrong = c.received+n, 0, 0
	}
	if c.reordered <= lost { // it came again, behind what followed it
		c.reordered = 0
	}
	// What comes again is computed from less than before, and the log has said so.
	if said != "" {
		r.told(c.different)
		c.different = 0
	}
	r.add(1, c, j.peak)
}

// damageLine returns the first warning or error about damage in a log.
func damageLine(text string) string {
	for line := range strings.Lines(text) {
		if !strings.Contains(line, "level=WARN") && !strings.Contains(line, "level=ERROR") {
			continue
		}
		for _, w := range []string{"torn", "damage", "set aside", "corrupt"} {
			if strings.Contains(line, w) {
				return strings.TrimSpace(line)
			}
		}
	}
	return ""
}

// harm tears a drawn file of the state or flips a bit anywhere in it, and returns how
// many records can be gone with that.
func harm(t *testing.T, j *job, rnd *rand.Rand, tear bool) (path string, lost int) {
	t.Helper()
	var files []string
	err := filepath.WalkDir(filepath.Join(j.dir, "state"), func(p string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch ext := filepath.Ext(p); {
		case ext == ".seg", ext == ".full", ext == ".delta", d.Name() == "cursor":
			if info, err := d.Info(); err == nil && info.Size() > 100 {
				files = append(files, p)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("there is no state")
	}
	path = files[rnd.IntN(len(files))]
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	log := strings.HasSuffix(path, ".seg")
	switch {
	case !tear:
		b[rnd.IntN(len(b))] ^= 1 << rnd.IntN(8)
	case rnd.IntN(2) == 0: // a write that did not get to its end
		b = append(b, bytes.Repeat([]byte{0xa5}, 1+rnd.IntN(500))...)
		log = false
	case log: // the last record
		b = b[:len(b)-1-rnd.IntN(15)]
	default:
		b = b[:rnd.IntN(len(b))]
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if log {
		return path, 1 // the record that was hit
	}
	return path, 0
}
