package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/quell-stream/quell/pipeline/config"
)

// instance is a running Quell that a command asks over HTTP.
type instance struct {
	address   string
	tokenFile string

	base  *url.URL
	token string
}

func (i *instance) flags(f *pflag.FlagSet) {
	f.StringVar(&i.address, "url", "http://"+defaultListen, "`address` of the running instance; that of a demo may be given with its #token")
	f.StringVar(&i.tokenFile, "token-file", "", "`file` with the token, as in http.token_file")
}

// open reads the address and the token.
func (i *instance) open() error {
	u, err := url.Parse(i.address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return usageError("--url %q is no address such as http://%s", i.address, defaultListen)
	}
	i.token = strings.TrimPrefix(u.Fragment, "token=")
	u.Fragment, u.RawFragment, u.RawQuery = "", "", ""
	i.base = u
	if i.tokenFile == "" {
		return nil
	}
	t, err := config.ReadSecret(config.Secret{}, i.tokenFile)
	if err != nil {
		return fmt.Errorf("--token-file: %w", err)
	}
	i.token = t.Reveal()
	return nil
}

// ask sends a GET request for a path below /api/v1. The caller closes the answer, which
// is one of success.
func (i *instance) ask(ctx context.Context, path string, query url.Values) (*http.Response, error) {
	u := i.base.JoinPath("api/v1", path)
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	if i.token != "" {
		req.Header.Set("Authorization", "Bearer "+i.token)
	}
	res, err := http.DefaultClient.Do(req)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("nothing answers at %s: is quell running there, with http.listen set? --url names another address", i.base)
	case err != nil:
		return nil, err
	case res.StatusCode == http.StatusOK:
		return res, nil
	}
	defer res.Body.Close()
	return nil, i.refusal(res)
}

// refusal says what an answer other than success is about.
func (i *instance) refusal(res *http.Response) error {
	b, err := io.ReadAll(io.LimitReader(res.Body, 4<<10))
	var said struct {
		Error string `json:"error"`
	}
	switch {
	case err != nil:
		return err
	case res.StatusCode == http.StatusUnauthorized:
		return fmt.Errorf("%s wants a token, and not this one or none: name its file with --token-file", i.base)
	case json.Unmarshal(b, &said) == nil && said.Error != "":
		return errors.New(said.Error)
	case res.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s is no Quell, or an older one: it knows no such path", i.base)
	}
	return fmt.Errorf("%s answered %s", i.base, res.Status)
}

// get reads a JSON answer into v.
func (i *instance) get(ctx context.Context, path string, query url.Values, v any) error {
	res, err := i.ask(ctx, path, query)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(v); err != nil {
		return fmt.Errorf("the answer of %s can't be read: %w", i.base, err)
	}
	return nil
}
