package wizard

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Message is one that was seen.
type Message struct {
	Topic   string
	Payload []byte
	Arrived time.Time
}

// mostChannels bounds what a look proposes.
const mostChannels = 32

var (
	timeNames   = []string{"ts", "time", "timestamp", "datetime", "at", "t", "date"}
	seriesNames = []string{"series", "device", "dev", "device_id", "deviceid", "sensor", "sensor_id", "id", "asset", "machine", "name"}
)

// Propose fills in what the plan leaves open by messages that were seen. An error says
// that they tell nothing.
func (p *Plan) Propose(seen []Message) error {
	if len(seen) == 0 {
		return fmt.Errorf("no message came")
	}
	if p.Codec == "" {
		p.Codec = codecOf(seen)
	}
	switch p.Codec {
	case "plain":
	case "json":
		p.proposeJSON(seen)
	default:
		return fmt.Errorf("the payloads are neither JSON objects nor plain numbers, such as %.60q: name codec and channels yourself", seen[0].Payload)
	}
	if p.MQTT != "" && p.Series == "" {
		if err := p.proposeTopics(seen); err != nil {
			return err
		}
	}
	if p.Codec == "plain" {
		p.proposePlain(seen)
	}
	if p.RateHz == 0 {
		p.RateHz = p.rate(seen)
	}
	p.Seen = append(p.Seen, fmt.Sprintf("%d messages on %d topics, as %s", len(seen), len(topicsOf(seen)), p.Codec))
	if len(p.Channels) == 0 {
		return fmt.Errorf("the %d messages hold no field with numbers: name the channels yourself", len(seen))
	}
	return nil
}

// codecOf returns json or plain where most payloads are so, "" where they are neither.
func codecOf(seen []Message) string {
	objects, numbers := 0, 0
	for _, m := range seen {
		if len(fieldsOf(m.Payload)) > 0 {
			objects++
		}
		if _, err := strconv.ParseFloat(strings.TrimSpace(string(m.Payload)), 64); err == nil {
			numbers++
		}
	}
	switch {
	case 2*objects > len(seen):
		return "json"
	case 2*numbers > len(seen):
		return "plain"
	}
	return ""
}

// fieldsOf returns the fields of a JSON object, or of the first of an array of them, by
// their dotted paths.
func fieldsOf(payload []byte) map[string]any {
	var v any
	if json.Unmarshal(payload, &v) != nil {
		return nil
	}
	if a, ok := v.([]any); ok && len(a) > 0 {
		v = a[0]
	}
	out := map[string]any{}
	var walk func(prefix string, v any)
	walk = func(prefix string, v any) {
		m, ok := v.(map[string]any)
		if !ok {
			if prefix != "" {
				out[prefix] = v
			}
			return
		}
		for k, sub := range m {
			if prefix != "" {
				k = prefix + "." + k
			}
			walk(k, sub)
		}
	}
	walk("", v)
	return out
}

// last returns the last part of a dotted path.
func last(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

func (p *Plan) proposeJSON(seen []Message) {
	numbers, texts := map[string]int{}, map[string]map[string]bool{}
	var sample map[string]any
	for _, m := range seen {
		fields := fieldsOf(m.Payload)
		if sample == nil {
			sample = fields
		}
		for path, v := range fields {
			switch v := v.(type) {
			case float64:
				numbers[path]++
			case string:
				if texts[path] == nil {
					texts[path] = map[string]bool{}
				}
				texts[path][v] = true
			}
		}
	}
	paths := slices.Sorted(maps.Keys(numbers))
	if p.Time == "" {
		p.Time, p.Unit = timeField(sample, numbers, texts)
	}
	inTopic := slices.ContainsFunc(p.Topics, func(t string) bool { return strings.Contains(t, "{series}") })
	if p.Series == "" && !inTopic {
		for _, name := range seriesNames {
			for _, path := range slices.Sorted(maps.Keys(texts)) {
				if p.Series == "" && strings.EqualFold(last(path), name) && path != p.Time {
					p.Series = path
					p.Seen = append(p.Seen, fmt.Sprintf("%d series by the field %q", len(texts[path]), path))
				}
			}
		}
	}
	if len(p.Channels) > 0 {
		return
	}
	for _, path := range paths {
		if path == p.Time || path == p.Series || len(p.Channels) == mostChannels {
			continue
		}
		name := last(path)
		if slices.ContainsFunc(p.Channels, func(c Channel) bool { return c.Name == name }) {
			name = strings.ReplaceAll(path, ".", "_")
		}
		p.Channels = append(p.Channels, Channel{name, path})
	}
}

// timeField finds the field of the event time and its unit.
func timeField(sample map[string]any, numbers map[string]int, texts map[string]map[string]bool) (path, unit string) {
	all := slices.Sorted(maps.Keys(sample))
	for _, name := range timeNames {
		for _, path := range all {
			if !strings.EqualFold(last(path), name) {
				continue
			}
			if x, ok := sample[path].(float64); ok && numbers[path] > 0 {
				if unit := unitOf(x); unit != "" {
					return path, unit
				}
			}
			if s, ok := sample[path].(string); ok && texts[path] != nil {
				if _, err := time.Parse(time.RFC3339Nano, s); err == nil {
					return path, "rfc3339"
				}
			}
		}
	}
	return "", ""
}

// unitOf tells the unit of a Unix time of these decades by its size, "" for none.
func unitOf(x float64) string {
	for _, u := range []struct {
		name string
		per  float64
	}{{"s", 1}, {"ms", 1e3}, {"us", 1e6}, {"ns", 1e9}} {
		if s := x / u.per; s > 9e8 && s < 4.2e9 {
			return u.name
		}
	}
	return ""
}

func (p *Plan) proposePlain(seen []Message) {
	if len(p.Channels) > 0 {
		return
	}
	if len(p.Topics) == 1 && strings.Contains(p.Topics[0], "{channel}") {
		at := slices.Index(strings.Split(p.Topics[0], "/"), "{channel}")
		names := map[string]bool{}
		for _, t := range topicsOf(numbersIn(seen)) {
			if levels := strings.Split(t, "/"); at >= 0 && at < len(levels) && len(levels) == strings.Count(p.Topics[0], "/")+1 {
				names[levels[at]] = true
			}
		}
		for _, n := range slices.Sorted(maps.Keys(names)) {
			if len(p.Channels) < mostChannels {
				p.Channels = append(p.Channels, Channel{Name: n})
			}
		}
		return
	}
	p.Channels = []Channel{{Name: "value"}}
}

// numbersIn returns the messages that are plain numbers.
func numbersIn(seen []Message) (out []Message) {
	for _, m := range seen {
		if _, err := strconv.ParseFloat(strings.TrimSpace(string(m.Payload)), 64); err == nil {
			out = append(out, m)
		}
	}
	return out
}

// rate is the median rate of a series, 0 where it can't be told. Times that are known
// count, else those of arrival.
func (p *Plan) rate(seen []Message) float64 {
	at := map[string][]float64{}
	for _, m := range seen {
		key, s := m.Topic, float64(m.Arrived.UnixNano())/1e9
		if p.Codec == "json" {
			fields := fieldsOf(m.Payload)
			if name, ok := fields[p.Series].(string); ok {
				key = name
			}
			if t, ok := seconds(fields[p.Time], p.Unit); ok {
				s = t
			}
		}
		at[key] = append(at[key], s)
	}
	return median(at)
}

// median returns the rate that belongs to the median of all steps, as a round number.
func median(at map[string][]float64) float64 {
	var steps []float64
	for _, ts := range at {
		slices.Sort(ts)
		for i := 1; i < len(ts); i++ {
			if d := ts[i] - ts[i-1]; d > 1e-7 {
				steps = append(steps, d)
			}
		}
	}
	if len(steps) < 4 {
		return 0
	}
	slices.SortFunc(steps, cmp.Compare[float64])
	return round(1 / steps[len(steps)/2])
}

// round takes a rate for the round one that it is within 3 % of, as a whole number of
// hertz or of seconds.
func round(hz float64) float64 {
	for _, near := range []float64{math.Round(hz), 1 / math.Max(1, math.Round(1/hz))} {
		if near > 0 && math.Abs(hz-near) <= .03*near {
			return near
		}
	}
	x, err := strconv.ParseFloat(strconv.FormatFloat(hz, 'g', 3, 64), 64)
	if err != nil {
		return 0
	}
	return x
}

func seconds(v any, unit string) (float64, bool) {
	switch v := v.(type) {
	case float64:
		per := map[string]float64{"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}[unit]
		return v / per, per > 0
	case string:
		t, err := time.Parse(time.RFC3339Nano, v)
		return float64(t.UnixNano()) / 1e9, err == nil
	}
	return 0, false
}
