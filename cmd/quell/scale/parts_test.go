package scale

import "testing"

// Every owner has memory at some age of a series, and what they have together is what
// the heap has grown by.
func TestOwners(t *testing.T) {
	const series = 16
	defer exact()()
	r, err := newRig(series, false)
	if err != nil {
		t.Fatal(err)
	}
	defer r.eng.Close()
	before, had := heap(), owned()
	seen := map[string]bool{}
	for _, age := range []int{300, 5000} {
		if err := r.step(age - r.slot); err != nil {
			t.Fatal(err)
		}
		grown, has := heap()-before, owned()
		sum := int64(0)
		for owner, n := range has {
			sum += n - had[owner]
			seen[owner] = seen[owner] || n > had[owner]
		}
		if off := sum - grown; off > grown/20 || off < -grown/20 {
			t.Errorf("after %d samples %d bytes have owners, the heap has grown by %d", age, sum, grown)
		}
	}
	for _, o := range owners {
		if !seen[o.owner] {
			t.Errorf("%q, of %s, has no memory at any age", o.owner, o.function)
		}
	}
}
