package client_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/quell-stream/quell/client"
)

func ExampleClient_Series() {
	// An instance, of which this is one answer.
	instance := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"total": 1, "series": [{"stream": "pumps", "series": "pump-3", "drift": "fault", "why": "identical readings for 40 s"}]}`)
	}))
	defer instance.Close()

	c, err := client.New(instance.URL, "")
	if err != nil {
		fmt.Println(err)
		return
	}
	page, err := c.Series(context.Background(), client.SeriesQuery{State: []string{"fault"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range page.Series {
		fmt.Printf("%s: %s, %s\n", s.Series, s.Drift, *s.Why)
	}
	// Output: pump-3: fault, identical readings for 40 s
}
