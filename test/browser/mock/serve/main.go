// Command serve plays the mock beside the page as it was last generated, for who
// works on the dashboard:
//
//	go generate ./web/app && cd test/browser && go run ./mock/serve -series 1000
package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"

	"github.com/quell-stream/quell/test/browser/mock"
)

func main() {
	series := flag.Int("series", 100, "how many series")
	listen := flag.String("listen", "127.0.0.1:7071", "address")
	dist := flag.String("dist", "../../web/app/dist", "the page")
	flag.Parse()
	fmt.Println("http://" + *listen)
	s := mock.New(mock.Config{Series: *series, Assets: os.DirFS(*dist)})
	if err := http.ListenAndServe(*listen, s.Handler()); err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
}
