package wizard

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// levels are what stands at each level of topics of one depth.
type levels struct {
	topics []string
	names  []map[string]bool // by level
	open   []bool            // by level: a wildcard of what was asked for
}

func topicsOf(seen []Message) []string {
	all := map[string]bool{}
	for _, m := range seen {
		all[m.Topic] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// levelsOf takes the topics of the depth that most have, and returns how many have another.
// Template says which levels were asked for by name.
func levelsOf(topics []string, template string) (l levels, others int) {
	byDepth := map[int][]string{}
	for _, t := range topics {
		n := strings.Count(t, "/") + 1
		byDepth[n] = append(byDepth[n], t)
	}
	depth := 0
	for _, n := range slices.Sorted(maps.Keys(byDepth)) {
		if depth == 0 || len(byDepth[n]) > len(byDepth[depth]) {
			depth = n
		}
	}
	l.topics = byDepth[depth]
	l.names, l.open = make([]map[string]bool, depth), make([]bool, depth)
	asked := strings.Split(template, "/")
	for j := range l.names {
		l.names[j] = map[string]bool{}
		for _, t := range l.topics {
			l.names[j][strings.Split(t, "/")[j]] = true
		}
		l.open[j] = j < len(asked) && (asked[j] == "+" || asked[j] == "#") || j >= len(asked) && asked[len(asked)-1] == "#"
	}
	return l, len(topics) - len(l.topics)
}

// proposeTopics names the levels that the templates leave open: {series} is the one that
// tells the devices apart and, where payloads are plain numbers, {channel} the one that
// tells what they measure. Two quantities in one channel would be nonsense: an error says
// that they can't be told apart.
func (p *Plan) proposeTopics(seen []Message) error {
	template := strings.Join(p.Topics, " ")
	series, channel := strings.Contains(template, "{series}"), strings.Contains(template, "{channel}")
	if series && (channel || p.Codec != "plain") || len(p.Topics) > 1 && (series || channel) {
		return nil
	}
	if template = "#"; len(p.Topics) == 1 {
		template = p.Topics[0]
	}
	l, others := levelsOf(topicsOf(seen), template)
	asked := strings.Split(template, "/")
	seriesAt, channelAt := slices.Index(asked, "{series}"), slices.Index(asked, "{channel}")
	if p.Codec == "plain" && channelAt < 0 {
		channelAt = l.channel(seriesAt, p.Channels)
	}
	if seriesAt < 0 {
		seriesAt = l.series(channelAt, p.Codec == "plain")
	}
	if max(seriesAt, channelAt) >= len(l.names) || max(seriesAt, channelAt) < 0 {
		return p.mixed(l.topics, -1, -1)
	}
	out := strings.Split(l.topics[0], "/")
	for j := range out {
		switch {
		case j == seriesAt:
			out[j] = "{series}"
			p.Seen = append(p.Seen, fmt.Sprintf("%d series by level %d of the topic", len(l.names[j]), j+1))
		case j == channelAt:
			out[j] = "{channel}"
		case len(l.names[j]) > 1:
			out[j] = "+"
		}
	}
	p.Topics = []string{strings.Join(out, "/")}
	if others > 0 {
		p.Seen = append(p.Seen, fmt.Sprintf("topics of another depth, which are left out: %d", others))
	}
	return p.mixed(l.topics, seriesAt, channelAt)
}

// mixed is the error for plain numbers of several topics that would be one channel.
func (p *Plan) mixed(topics []string, seriesAt, channelAt int) error {
	if p.Codec != "plain" {
		return nil
	}
	first := map[[2]string]string{}
	for _, t := range topics {
		var key [2]string
		for i, at := range []int{seriesAt, channelAt} {
			if at >= 0 {
				key[i] = strings.Split(t, "/")[at]
			}
		}
		if one, ok := first[key]; ok {
			return fmt.Errorf("the numbers on %s and %s would be one channel of one series: say which level is which, with a topic such as plant/{series}/{channel}", one, t)
		}
		first[key] = t
	}
	return nil
}

// quantities are what names of channels hold; names of devices seldom do.
var quantities = []string{"temp", "press", "humid", "flow", "level", "rpm", "speed", "current", "volt", "power", "energy", "vibration",
	"accel", "torque", "co2", "voc", "lux", "light", "weight", "force", "freq", "density", "position", "moisture", "battery", "rssi", "value"}

func isQuantity(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(quantities, func(q string) bool { return strings.Contains(name, q) })
}

// share is how many of a level's names are so, 0 to 1.
func (l *levels) share(j int, is func(string) bool) float64 {
	n := 0
	for name := range l.names[j] {
		if is(name) {
			n++
		}
	}
	return float64(n) / float64(len(l.names[j]))
}

// channel returns the level that names what is measured, -1 for none: one that holds the
// names that were given, or names of quantities, else, as is usual, the last.
func (l *levels) channel(seriesAt int, given []Channel) int {
	var open, varying []int
	best, most := -1, .5
	if len(given) > 0 {
		most = 1e-9 // one of those given is enough
	}
	for j := range l.names {
		if !l.open[j] || j == seriesAt {
			continue
		}
		is := isQuantity
		if len(given) > 0 {
			is = func(name string) bool {
				return slices.ContainsFunc(given, func(c Channel) bool { return c.Name == name })
			}
		}
		if s := l.share(j, is); s >= most {
			best, most = j, s
		}
		open = append(open, j)
		if len(l.names[j]) > 1 {
			varying = append(varying, j)
		}
	}
	switch {
	case best >= 0 || len(open) == 0 || len(given) > 0:
		return best
	case len(varying) > 1:
		for _, j := range slices.Backward(varying) {
			if l.share(j, numbered) < 1 {
				return j
			}
		}
		return varying[len(varying)-1]
	case seriesAt >= 0 || len(open) > 1 && (len(varying) == 0 || varying[0] != open[len(open)-1]):
		return open[len(open)-1]
	}
	return -1
}

// numbered says whether a name has a digit, as names of devices have.
func numbered(name string) bool { return strings.ContainsAny(name, "0123456789") }

// series returns the level that differs most, -1 for none. Of plain numbers, whose topics
// all name their devices, it is else the open level nearest in front of the channel's.
func (l *levels) series(channelAt int, plain bool) int {
	best := -1
	for j := range l.names {
		if j != channelAt && len(l.names[j]) > 1 && (best < 0 || len(l.names[j]) > len(l.names[best])) {
			best = j
		}
	}
	for j := range l.names {
		if plain && len(l.topics) > 0 && best < 0 && channelAt >= 0 && j < channelAt && l.open[j] && !slices.Contains(l.open[j+1:channelAt], true) {
			best = j
		}
	}
	return best
}
