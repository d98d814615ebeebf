package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

const redacted = "[redacted]"

// Secret is text that shows itself only through Reveal: printed, logged or
// encoded it is "[redacted]".
type Secret struct{ text string }

// NewSecret wraps text.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal returns the text.
func (s Secret) Reveal() string { return s.text }

// IsZero says whether there is no text.
func (s Secret) IsZero() bool { return s.text == "" }

// String returns "[redacted]", or "" where there is no text.
func (s Secret) String() string {
	if s.text == "" {
		return ""
	}
	return redacted
}

// Format writes String for every verb, %#v and %x among them.
func (s Secret) Format(f fmt.State, _ rune) {
	// A fmt.State reports no error that anyone could handle here.
	_, _ = f.Write([]byte(s.String()))
}

// MarshalText returns String.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalYAML returns String.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// Credential is what the name of a file begins with that systemd hands to the
// service (LoadCredential=, SetCredentialEncrypted=), "credential:mqtt": it lies in
// the folder that CREDENTIALS_DIRECTORY names.
const Credential = "credential:"

// FilePath returns where a file with a secret lies: path itself, or that of a
// credential. Errors say which part is missing.
func FilePath(path string) (string, error) {
	name, ok := strings.CutPrefix(path, Credential)
	if !ok {
		return path, nil
	}
	if !credentialName(name) {
		return "", fmt.Errorf("%q is no name of a credential: it must be one of a file, without a folder", name)
	}
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if dir == "" {
		return "", fmt.Errorf("credential %s: CREDENTIALS_DIRECTORY is not set: add LoadCredential=%s:PATH to the unit, and start it by systemd", name, name)
	}
	return filepath.Join(dir, name), nil
}

func credentialName(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(name, `/\`)
}

// maxSecret is the size of the largest file of a secret.
const maxSecret = 64 << 10

// ReadSecret returns value if there is one, else the content of file, which
// FilePath finds, without the line break at its end, else nothing. An empty file is
// an error.
func ReadSecret(value Secret, file string) (Secret, error) {
	if !value.IsZero() || file == "" {
		return value, nil
	}
	path, err := FilePath(file)
	if err != nil {
		return Secret{}, fmt.Errorf("secret: %w", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return Secret{}, fmt.Errorf("secret: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return Secret{}, fmt.Errorf("secret: %w", err)
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	switch {
	case text == "":
		return Secret{}, fmt.Errorf("secret: %s is empty", path)
	case len(b) > maxSecret:
		return Secret{}, fmt.Errorf("secret: %s is larger than %s: this is no secret", path, ByteSize(maxSecret))
	}
	return Secret{text}, nil
}

// Exposed says in words that a file which FilePath finds can be read by everyone on
// this machine, or written by others than its owner, "" where it can't, or isn't
// there.
func Exposed(file string) string {
	path, err := FilePath(file)
	if err != nil || runtime.GOOS == "windows" { // where the bits say nothing
		return ""
	}
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return ""
	}
	switch mode := info.Mode().Perm(); {
	case mode&0o022 != 0:
		return fmt.Sprintf("%s holds a secret and others than its owner may write it (mode %#o): chmod 600", path, mode)
	case mode&0o004 != 0:
		return fmt.Sprintf("%s holds a secret and everyone on this machine may read it (mode %#o): chmod 600, or 640 with a group of its own", path, mode)
	}
	return ""
}
