package json

// skip reads over a value that nobody wants, checking its syntax as
// encoding/json would; s.i is at its first byte.
func (s *scanner) skip(depth int) bool {
	switch c := s.space(); c {
	case '{', '[':
		return depth <= maxDepth && s.skipNested(c, depth)
	case '"':
		return s.skipString()
	default:
		_, ok := s.scalar(c)
		return ok
	}
}

// skipNested reads over an object or array. Its recursion ends at maxDepth.
func (s *scanner) skipNested(open byte, depth int) bool {
	closing := open + 2 // in ASCII, for braces and brackets alike
	s.i++
	if s.space() == closing {
		s.i++
		return true
	}
	for {
		if open == '{' {
			if s.space() != '"' || !s.skipString() || s.space() != ':' {
				return false
			}
			s.i++
		}
		if !s.skip(depth + 1) {
			return false
		}
		switch s.space() {
		case ',':
			s.i++
		case closing:
			s.i++
			return true
		default:
			return false
		}
	}
}

// skipString reads over a string, escapes included.
func (s *scanner) skipString() bool {
	for i := s.i + 1; i < len(s.b); i++ {
		switch c := s.b[i]; {
		case c == '"':
			s.i = i + 1
			return true
		case c < ' ':
			return false
		case c == '\\':
			i++
			if i >= len(s.b) {
				return false
			}
			switch s.b[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if i+4 >= len(s.b) {
					return false
				}
				for _, h := range s.b[i+1 : i+5] {
					if lower := h | 0x20; h-'0' > 9 && (lower < 'a' || lower > 'f') {
						return false
					}
				}
				i += 4
			default:
				return false
			}
		}
	}
	return false
}
