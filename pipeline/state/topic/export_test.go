package topic

// What the tests of the protocol reach into.

// Kind returns the kind of a key, 0 for none.
func Kind(k []byte) uint8 {
	got, err := readKey(k)
	if err != nil {
		return 0
	}
	return uint8(got.kind)
}

const (
	Claim  = uint8(claim)
	Head   = uint8(head)
	Series = uint8(series)
)

// WithGeneration returns a key with another generation; f is given that of before.
func WithGeneration(k []byte, f func(int64) int64) []byte {
	got, err := readKey(k)
	if err != nil {
		return k
	}
	got.generation = f(got.generation)
	return got.append(nil)
}

// OneClaim returns the key that claims would share, and any other key as it is.
func OneClaim(k []byte) []byte {
	got, err := readKey(k)
	if err != nil || got.kind != claim {
		return k
	}
	got.number = 0
	return got.append(nil)
}

// OneSlot returns the key of a piece in slot 0, and any other key as it is.
func OneSlot(k []byte) []byte {
	got, err := readKey(k)
	if err != nil || got.piece == 0 {
		return k
	}
	got.piece = 1 + 2*((got.piece-1)/2)
	return got.append(nil)
}

// ForgetInherited has the first checkpoint do without what was taken over.
func (s *Store) ForgetInherited() {
	for _, t := range s.tenures {
		t.inherited = nil
	}
}

// ForgetAhead has states told to reflect what the head tells, and no more.
func (s *Store) ForgetAhead() {
	for _, t := range s.tenures {
		t.ahead = nil
	}
}

// Revive has a store go on after a write that may have failed.
func (s *Store) Revive() {
	for _, t := range s.tenures {
		t.over = false
	}
}

// Old returns the keys that the first checkpoints will remove.
func (s *Store) Old() (keys [][]byte) {
	for _, t := range s.tenures {
		for _, k := range t.old {
			keys = append(keys, k.append(nil))
		}
	}
	return keys
}
