package mqtt

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// checkFilter holds a topic filter to section 4.7 of MQTT 3.1.1.
func checkFilter(f string) error {
	switch {
	case f == "":
		return fmt.Errorf("mqtt: a topic is empty")
	case len(f) > 65535:
		return fmt.Errorf("mqtt: topic %.40q… is longer than 65535 bytes", f)
	case !utf8.ValidString(f) || strings.ContainsRune(f, 0):
		return fmt.Errorf("mqtt: topic %q is no valid text", f)
	}
	plain, err := unshare(f)
	if err != nil {
		return err
	}
	levels := strings.Split(plain, "/")
	for i, l := range levels {
		switch {
		case l == "#" && i < len(levels)-1:
			return fmt.Errorf("mqtt: topic %q: # must be the last level", f)
		case len(l) > 1 && strings.ContainsAny(l, "+#"):
			return fmt.Errorf("mqtt: topic %q: the wildcard in %q must stand alone between slashes", f, l)
		}
	}
	return nil
}

// unshare strips $share/GROUP/ from a filter.
func unshare(f string) (string, error) {
	rest, ok := strings.CutPrefix(f, "$share/")
	if !ok {
		return f, nil
	}
	group, filter, ok := strings.Cut(rest, "/")
	if !ok || group == "" || filter == "" || strings.ContainsAny(group, "+#") {
		return "", fmt.Errorf("mqtt: topic %q: a shared subscription is written $share/GROUP/FILTER", f)
	}
	return filter, nil
}

// matches says whether a topic falls under a filter without $share.
func matches(filter, topic string) bool {
	// Wildcards at the start don't match the broker's own topics.
	if strings.HasPrefix(topic, "$") && (filter[0] == '+' || filter[0] == '#') {
		return false
	}
	for {
		fl, frest, fmore := strings.Cut(filter, "/")
		if fl == "#" {
			return true
		}
		tl, trest, tmore := strings.Cut(topic, "/")
		if fl != "+" && fl != tl {
			return false
		}
		switch {
		case !fmore && !tmore:
			return true
		case fmore && !tmore:
			return frest == "#" // "a/#" matches "a"
		case !fmore:
			return false
		}
		filter, topic = frest, trest
	}
}
