package mqtt

import (
	"fmt"
	"strings"
	"testing"
)

func TestValidate(t *testing.T) {
	good := config("mqtt://h", "dir")
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Config){
		"client_id is missing":        func(c *Config) { c.Conn.ClientID = "" },
		"url is missing":              func(c *Config) { c.Conn.URL = "" },
		"topics is empty":             func(c *Config) { c.Topics = nil },
		"listed twice":                func(c *Config) { c.Topics = []string{"a", "a"} },
		"# must be the last":          func(c *Config) { c.Topics = []string{"a/#/b"} },
		"must stand alone":            func(c *Config) { c.Topics = []string{"a/b+"} },
		"$share/GROUP/FILTER":         func(c *Config) { c.Topics = []string{"$share/g"} },
		"no decoder":                  func(c *Config) { c.Decoder = nil },
		"directory":                   func(c *Config) { c.JournalDir = "" },
		"at least 1 MiB":              func(c *Config) { c.JournalBytes = 5 },
		"shard 2 of 2 does not exist": func(c *Config) { c.Shard = Shard{2, 2} },
		"queue's bound":               func(c *Config) { c.QueueBytes = -1 },
	} {
		c := good
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		filter, topic string
		want          bool
	}{
		{"a/b", "a/b", true}, {"a/b", "a/c", false}, {"a/+", "a/b", true}, {"a/+", "a", false}, {"a/+", "a/b/c", false},
		{"a/#", "a/b/c", true}, {"a/#", "a", true}, {"#", "a/b", true}, {"#", "$SYS/x", false}, {"+/x", "$SYS/x", false},
		{"$SYS/#", "$SYS/x", true}, {"+/+", "a/b", true}, {"+/+", "/b", true}, {"+", "/b", false}, {"a//b", "a//b", true},
		{"a/+/b", "a//b", true}, {"a/b", "a/b/", false}, {"a/b/#", "a/bc", false},
	} {
		if got := matches(c.filter, c.topic); got != c.want {
			t.Errorf("matches(%q, %q) is %v", c.filter, c.topic, got)
		}
	}
}

func TestShards(t *testing.T) {
	var owners [3]int
	for i := range 3000 {
		n := 0
		for k := range 3 {
			if (Shard{k, 3}).Owns(fmt.Sprint("pump-", i)) {
				owners[k]++
				n++
			}
		}
		if n != 1 {
			t.Fatalf("pump-%d has %d owners", i, n)
		}
	}
	for k, n := range owners {
		if n < 800 {
			t.Errorf("shard %d owns %d of 3000 series", k, n)
		}
	}
}

func ExampleConfig_Validate() {
	cfg := config("mqtt://broker", "journal")
	cfg.Topics = []string{"sensors/#/temp"}
	fmt.Println(cfg.Validate())
	// Output: mqtt: topic "sensors/#/temp": # must be the last level
}
