package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/quell-stream/quell/client"
	"github.com/quell-stream/quell/pipeline/config"
)

// instance is a running Quell that a command asks over HTTP.
type instance struct {
	address   string
	tokenFile string

	*client.Client
}

func (i *instance) flags(f *pflag.FlagSet) {
	f.StringVar(&i.address, "url", "http://"+config.DefaultListen, "`address` of the running instance; that of a demo may be given with its #token")
	f.StringVar(&i.tokenFile, "token-file", "", "`file` with the token, as in http.token_file")
}

// open reads the address and the token.
func (i *instance) open() error {
	token := ""
	if i.tokenFile != "" {
		t, err := config.ReadSecret(config.Secret{}, i.tokenFile)
		if err != nil {
			return fmt.Errorf("--token-file: %w", err)
		}
		token = t.Reveal()
	}
	var err error
	if i.Client, err = client.New(i.address, token); err != nil {
		return usageError("--url %v", err)
	}
	return nil
}

// place is the address without what stands behind it, such as a token, and without a
// password.
func (i *instance) place() string {
	if i.Client == nil {
		return "the instance" // nobody has opened it
	}
	return i.Base.Redacted()
}

// explain says what to do about an error of the client.
func (i *instance) explain(err error) error {
	var refused *client.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nothing answers at %s: is quell running there, with http.listen set? --url names another address", i.place())
	case errors.Is(err, client.ErrToken):
		return fmt.Errorf("%s wants a token, and not this one or none: name its file with --token-file", i.place())
	case errors.Is(err, client.ErrSilent):
		return fmt.Errorf("%s says nothing: is it a Quell, and does it still run?", i.place())
	case !errors.As(err, &refused) || refused.Message != "":
		return err
	case refused.Code == http.StatusNotFound:
		return fmt.Errorf("%s is no Quell, or an older one: it knows no such path", i.place())
	}
	return fmt.Errorf("%s answered %d %s", i.place(), refused.Code, http.StatusText(refused.Code))
}

// get reads the JSON answer to a GET request for a path below /api/v1 into v.
func (i *instance) get(ctx context.Context, path string, query url.Values, v any) error {
	res, err := i.Ask(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return i.explain(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(v); err != nil {
		return fmt.Errorf("the answer of %s can't be read: %w", i.place(), err)
	}
	return nil
}
