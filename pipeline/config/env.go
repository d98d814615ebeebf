package config

import (
	"errors"
	"os"
	"regexp"
	"strings"
)

// bareVariable matches a value that is written as a shell writes a variable, which
// is expanded with braces alone.
var bareVariable = regexp.MustCompile(`^\$[A-Z_][A-Z0-9_]+$`)

// fromFile is what the name of a file begins with that is asked for like an environment
// variable.
const fromFile = "file:"

// surroundings looks up environment variables, and what files hold without the line
// break at their end. A file that can't be read, or is too large for a value, is as a
// variable that is not set.
func surroundings(name string) (string, bool) {
	path, ok := strings.CutPrefix(name, fromFile)
	if !ok {
		return os.LookupEnv(name)
	}
	s, err := ReadSecret(Secret{}, path)
	return s.text, err == nil
}

// unsetText says what is not there.
func unsetText(name string) string {
	if path, ok := strings.CutPrefix(name, fromFile); ok {
		return "the file " + path + " is not there, empty or can't be read"
	}
	return "the environment variable " + name + " is not set"
}

// expand replaces ${NAME}, ${NAME:-default} and ${file:PATH} in s. unset lists the names that
// have neither a value nor a default; they become "". As in a shell, ":-" also
// stands in for an empty value.
func expand(s string, env func(string) (string, bool)) (out string, unset []string, err error) {
	if !strings.Contains(s, "${") {
		return s, nil, nil
	}
	var b strings.Builder
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			b.WriteString(s)
			return b.String(), unset, nil
		}
		if i > 0 && s[i-1] == '$' {
			b.WriteString(s[:i-1] + "${") // $${ is a ${ that means itself
			s = s[i+2:]
			continue
		}
		b.WriteString(s[:i])
		body, rest, ok := strings.Cut(s[i+2:], "}")
		if !ok {
			return "", nil, errors.New(`has a "${" without its "}": write $${ for a plain one`)
		}
		name, def, hasDef := strings.Cut(body, ":-")
		if !envName(name) && (!strings.HasPrefix(name, fromFile) || len(name) == len(fromFile)) {
			return "", nil, errors.New(`has a "${…}" that holds no name of an environment variable: it is written ${NAME}, ${NAME:-default} or ${file:PATH}`)
		}
		v, set := env(name)
		switch {
		case hasDef && v == "":
			b.WriteString(def)
		case set:
			b.WriteString(v)
		default:
			unset = append(unset, name)
		}
		s = rest
	}
}

func envName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}
