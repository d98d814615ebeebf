// Command grafana prints the dashboard of Quell for Grafana, as JSON to be imported or
// provisioned. Its queries are run against a real Prometheus by `make ops`.
//
//	go run ./deploy/grafana > deploy/grafana/quell.json
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// The dashboard's width in columns, and the height of panels.
const (
	width = 24
	tall  = 8
	small = 4
)

// query is a line, or several, of a panel.
type query struct{ expr, legend string }

// panel is one panel of the dashboard; a row of its own where it has no queries.
type panel struct {
	title, about, unit string
	kind               string // stat, timeseries, table; "" is timeseries
	columns            int
	min0               bool // the axis begins at 0
	percent            bool // the axis ends at 1
	queries            []query
}

func main() {
	b, err := json.MarshalIndent(dashboard(), "", " ")
	if err != nil {
		fmt.Fprintln(os.Stderr, "grafana:", err)
		os.Exit(1)
	}
	fmt.Println(string(b))
}

type object = map[string]any

func dashboard() object {
	return object{
		"uid": "quell", "title": "Quell", "tags": []string{"quell"}, "schemaVersion": 38, "version": 1, "editable": true,
		"description": "What Quell takes in, computes and gives out, and what its series are like. Alerts: docs/runbook.md.",
		"timezone":    "browser", "refresh": "10s", "time": object{"from": "now-1h", "to": "now"}, "graphTooltip": 1,
		"templating": object{"list": []object{
			{"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"},
			variable("instance", "Instance", `label_values(quell_build_info, instance)`),
			variable("stream", "Stream", `label_values(quell_series{instance=~"$instance"}, stream)`),
			variable("sink", "Sink", `label_values(quell_sink_up{instance=~"$instance"}, sink)`),
		}},
		"annotations": object{"list": []object{{
			"name": "Starts", "enable": true, "iconColor": "orange", "datasource": source(),
			"expr": `changes(process_start_time_seconds{job="quell",instance=~"$instance"}[1m]) > 0`, "titleFormat": "{{instance}} started",
		}}},
		"panels": panels(),
	}
}

func source() object { return object{"type": "prometheus", "uid": "${datasource}"} }

func variable(name, label, query string) object {
	return object{"name": name, "label": label, "type": "query", "datasource": source(), "query": object{"query": query, "refId": name},
		"includeAll": true, "multi": true, "allValue": ".*", "refresh": 2, "sort": 1, "current": object{"text": "All", "value": "$__all"}}
}

// panels lays the panels out, from left to right and down.
func panels() []object {
	var out []object
	x, y, high := 0, 0, 0
	for i, p := range content() {
		w, h := p.columns, tall
		if p.kind == "stat" {
			h = small
		}
		if len(p.queries) == 0 {
			w, h = width, 1
		}
		if x+w > width {
			x, y, high = 0, y+high, 0
		}
		out = append(out, p.object(i+1, object{"x": x, "y": y, "w": w, "h": h}))
		x, high = x+w, max(high, h)
	}
	return out
}

func (p *panel) object(id int, at object) object {
	if len(p.queries) == 0 {
		return object{"id": id, "type": "row", "title": p.title, "gridPos": at, "collapsed": false, "panels": []object{}}
	}
	kind := p.kind
	if kind == "" {
		kind = "timeseries"
	}
	var targets []object
	for i, q := range p.queries {
		t := object{"refId": string(rune('A' + i)), "expr": q.expr, "legendFormat": q.legend, "datasource": source()}
		if kind != "timeseries" {
			t["instant"] = true
		}
		if kind == "table" {
			t["format"] = "table"
		}
		targets = append(targets, t)
	}
	defaults := object{"unit": p.unit, "custom": object{"lineWidth": 2, "fillOpacity": 8, "showPoints": "never"}}
	if p.min0 {
		defaults["min"] = 0
	}
	if p.percent {
		defaults["max"] = 1
	}
	return object{"id": id, "type": kind, "title": p.title, "description": p.about, "gridPos": at, "datasource": source(), "targets": targets,
		"fieldConfig": object{"defaults": defaults, "overrides": []object{}}, "options": options(kind)}
}

func options(kind string) object {
	switch kind {
	case "stat":
		return object{"reduceOptions": object{"calcs": []string{"lastNotNull"}}, "colorMode": "value", "graphMode": "none", "textMode": "value_and_name"}
	case "table":
		return object{"showHeader": true}
	}
	return object{"legend": object{"displayMode": "list", "placement": "bottom"}, "tooltip": object{"mode": "multi", "sort": "desc"}}
}
