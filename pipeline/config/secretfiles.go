package config

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
)

// Check is Load with a look at the files of secrets that are on this machine: one that
// is empty or too large is a mistake, one that others can read or write is warned of.
// Files that are not there, or that this user may not read, may be right where the
// program is to run, and are passed over.
func Check(path string) (*Config, []Warning, error) {
	d, cfg, err := load(path)
	if d == nil {
		return nil, nil, err
	}
	before := len(d.errs)
	d.checkSecretFiles()
	if len(d.errs) > before {
		d.errs.sort()
		return nil, d.warns, d.errs
	}
	return cfg, d.warns, err
}

// secretFile matches the paths of keys that name a file with a secret.
var secretFile = regexp.MustCompile(`(^|\.)((password|secret|token)_file|tls\.key_file)$`)

func (d *document) checkSecretFiles() {
	for _, p := range slices.Sorted(maps.Keys(d.at)) {
		if !secretFile.MatchString(p) || !d.ok(p) {
			continue
		}
		file, unset, err := expand(d.at[p].val.Value, d.env)
		if err == nil && len(unset) == 0 && file != "" {
			d.checkSecretFile(p, file)
		}
	}
}

func (d *document) checkSecretFile(p, file string) {
	path, err := FilePath(file)
	if err != nil {
		return // systemd is not here
	}
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return // what is no file may be gone once it is read
	}
	if why := Exposed(file); why != "" {
		d.warnf(p, "%s", why)
	}
	if strings.HasSuffix(p, "key_file") {
		return // read by what sets TLS up
	}
	if _, err := ReadSecret(Secret{}, file); err != nil && !errors.Is(err, fs.ErrPermission) {
		d.failf(p, "%s", strings.TrimPrefix(err.Error(), "secret: "))
	}
}
