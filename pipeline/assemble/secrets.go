package assemble

import (
	"fmt"
	"log/slog"

	"github.com/quell-stream/quell/conn"
	"github.com/quell-stream/quell/pipeline/config"
	"github.com/quell-stream/quell/web"
)

// shortToken is the least length of a token that can't be guessed.
const shortToken = 16

// HTTP reads the token and the certificates of the HTTP server and says what may be
// served to whom; what is served is for the caller to add.
func HTTP(h *config.HTTP, log *slog.Logger) (web.Config, error) {
	c := web.Config{Hosts: h.Hosts}
	token, err := config.ReadSecret(config.Secret{}, h.TokenFile)
	if err != nil {
		return c, fmt.Errorf("http: token_file: %w", err)
	}
	if n := len(token.Reveal()); n > 0 && n < shortToken {
		log.Warn("the token is short enough to be guessed: make one with openssl rand -hex 32", "file", h.TokenFile, "characters", n)
	}
	c.Token = token.Reveal()
	warnExposed(log, h.TokenFile)
	if h.TLS == nil {
		return c, nil
	}
	t := conn.ServerTLS{CertFile: h.TLS.CertFile, KeyFile: h.TLS.KeyFile, ClientCAFile: h.TLS.ClientCAFile, MinVersion: h.TLS.MinVersion}
	if err := find(&t.CertFile, &t.KeyFile, &t.ClientCAFile); err != nil {
		return c, fmt.Errorf("http: tls: %w", err)
	}
	warnExposed(log, t.KeyFile)
	if c.TLS, err = t.Config(); err != nil {
		return c, fmt.Errorf("http: %w", err)
	}
	return c, nil
}

// warnExposed warns of a file with a secret that is open to others.
func warnExposed(log *slog.Logger, file string) {
	if why := config.Exposed(file); file != "" && why != "" {
		log.Warn(why)
	}
}

// secret reads a secret given as text or as a file.
func (b *builder) secret(text config.Secret, file string) (string, error) {
	s, err := config.ReadSecret(text, file)
	if text.IsZero() {
		b.warnOnce(file)
	}
	return s.Reveal(), err
}

// warnOnce is warnExposed, once for each file: a connection may have many users.
func (b *builder) warnOnce(file string) {
	if b.seen[file] {
		return
	}
	if b.seen == nil {
		b.seen = map[string]bool{}
	}
	b.seen[file] = true
	warnExposed(b.opt.Log, file)
}

// tlsOf returns how a connection is secured.
func (b *builder) tlsOf(t *config.TLS) (conn.TLS, error) {
	out := conn.TLS{CAFile: t.CAFile, CertFile: t.CertFile, KeyFile: t.KeyFile, ServerName: t.ServerName, InsecureSkipVerify: t.InsecureSkipVerify, MinVersion: t.MinVersion}
	if err := find(&out.CAFile, &out.CertFile, &out.KeyFile); err != nil {
		return out, fmt.Errorf("tls: %w", err)
	}
	b.warnOnce(out.KeyFile)
	return out, nil
}

// find replaces the names of credentials by where they lie.
func find(files ...*string) (err error) {
	for _, f := range files {
		if *f, err = config.FilePath(*f); err != nil {
			return err
		}
	}
	return nil
}
