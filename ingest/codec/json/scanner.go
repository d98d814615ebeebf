package json

import "unicode/utf8"

// scanner reads one payload from left to right. Its methods return false where
// it gives up: the payload then goes through encoding/json, which says what is
// wrong with it, if anything.
type scanner struct {
	tree  *tree
	b     []byte
	i     int
	found []Leaf
	seen  []uint32 // by node: the object in which it was met last
	gen   uint32   // the object being read
	memo  []memo   // by ordinal of the member, what it was in the last object
	field int
}

// memo remembers a member's name and where it led. Messages of one kind have the
// same members in the same order, so one comparison does for finding the end of
// the name, checking its bytes and looking it up.
type memo struct {
	key      []byte
	from, to int // nodes; to is -1 for a member nobody wants
}

const (
	maxMemo    = 128 // members
	maxMemoKey = 64  // bytes
	unwanted   = -1
)

// begin prepares for one object, whose wanted values go to found.
func (s *scanner) begin(found []Leaf) {
	s.found, s.field = found, 0
	if s.gen++; s.gen == 0 { // wrapped around: no old stamp may look new
		clear(s.seen)
		s.gen = 1
	}
}

// space skips white space and returns the byte behind it, 0 at the end.
func (s *scanner) space() byte {
	for s.i < len(s.b) {
		switch c := s.b[s.i]; c {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) end() bool {
	return s.space() == 0 && s.i == len(s.b)
}

// object reads an object whose members may be wanted; s.i is at its brace.
func (s *scanner) object(at, depth int) bool {
	if depth > maxDepth {
		return false
	}
	s.i++
	if s.space() == '}' {
		s.i++
		return true
	}
	for {
		to, ok := s.member(at)
		if !ok || s.space() != ':' {
			return false
		}
		s.i++
		c := s.space()
		switch {
		case to == unwanted:
			ok = s.skip(depth + 1)
		case s.seen[to] == s.gen:
			return false // twice: which one counts is for encoding/json to say
		default:
			s.seen[to] = s.gen
			ok = s.wanted(to, c, depth)
		}
		if !ok {
			return false
		}
		switch s.space() {
		case ',':
			s.i++
			if s.space() != '"' {
				return false
			}
		case '}':
			s.i++
			return true
		default:
			return false
		}
	}
}

// wanted reads the value of a member that the tree knows; c is its first byte.
func (s *scanner) wanted(to int, c byte, depth int) bool {
	n := &s.tree.nodes[to]
	if c == '{' || c == '[' {
		if len(n.targets) > 0 {
			return false
		}
		if c == '{' {
			return s.object(to, depth+1)
		}
		return s.skip(depth + 1)
	}
	v, ok := s.scalar(c)
	if !ok {
		return false
	}
	for _, t := range n.targets {
		s.found[t] = v
	}
	return true
}

// member reads a member's name and returns the node it leads to.
func (s *scanner) member(from int) (to int, ok bool) {
	if s.i >= len(s.b) || s.b[s.i] != '"' {
		return 0, false
	}
	f := s.field
	s.field++
	if f < len(s.memo) {
		m := &s.memo[f]
		start := s.i + 1
		end := start + len(m.key)
		if m.from == from && end < len(s.b) && s.b[end] == '"' && string(s.b[start:end]) == string(m.key) {
			s.i = end + 1
			return m.to, true
		}
	}
	key, ok := s.plainString()
	if !ok {
		return 0, false
	}
	to = unwanted
	if n, ok := s.tree.nodes[from].next[string(key)]; ok {
		to = n
	}
	if f < maxMemo && len(key) <= maxMemoKey {
		// Members without a memo may precede this one: their places stay empty and
		// match nothing, because of from.
		for len(s.memo) <= f {
			s.memo = append(s.memo, memo{from: -1})
		}
		m := &s.memo[f]
		m.key, m.from, m.to = append(m.key[:0], key...), from, to
	}
	return to, true
}

// scalar reads a number, string or literal, whose first byte is c.
func (s *scanner) scalar(c byte) (Leaf, bool) {
	start := s.i
	switch c {
	case '"':
		b, ok := s.plainString()
		return Leaf{Text, b}, ok
	case 't':
		return Leaf{Kind: Boolean}, s.literal("true")
	case 'f':
		return Leaf{Kind: Boolean}, s.literal("false")
	case 'n':
		return Leaf{Kind: Null}, s.literal("null")
	}
	ok := s.number()
	return Leaf{Number, s.b[start:s.i]}, ok
}

func (s *scanner) literal(word string) bool {
	if len(s.b)-s.i < len(word) || string(s.b[s.i:s.i+len(word)]) != word {
		return false
	}
	s.i += len(word)
	return true
}

// number reads -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
func (s *scanner) number() bool {
	b, i := s.b, s.i
	if i < len(b) && b[i] == '-' {
		i++
	}
	if i >= len(b) || b[i]-'0' > 9 {
		return false
	}
	if b[i] == '0' {
		i++
	} else {
		for i < len(b) && b[i]-'0' <= 9 {
			i++
		}
	}
	if i < len(b) && b[i] == '.' {
		i++
		from := i
		for i < len(b) && b[i]-'0' <= 9 {
			i++
		}
		if i == from {
			return false
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		from := i
		for i < len(b) && b[i]-'0' <= 9 {
			i++
		}
		if i == from {
			return false
		}
	}
	s.i = i
	return true
}

// plainString reads a string that stands for its own bytes: no escapes, and
// UTF-8, since encoding/json replaces what isn't.
func (s *scanner) plainString() ([]byte, bool) {
	start := s.i + 1
	high := byte(0)
	for i := start; i < len(s.b); i++ {
		c := s.b[i]
		if c == '"' {
			s.i = i + 1
			t := s.b[start:i]
			return t, high < utf8.RuneSelf || utf8.Valid(t)
		}
		if c == '\\' || c < ' ' {
			return nil, false
		}
		high |= c
	}
	return nil, false
}
