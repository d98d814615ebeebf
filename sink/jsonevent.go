package sink

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
)

// maxDepth bounds the nesting of an event's data. What lies deeper is null, so
// that a map that holds itself can't bring the process down.
const maxDepth = 32

// AppendEvent appends the JSON of e to dst, without a newline, and returns it.
// Formats are those of AppendRecord. The keys of e.Data are sorted, so equal
// events have equal bytes; a part of Data that JSON can't express (a channel, a
// function) is null. alert and phase are there where Alert tells of one, link
// where there is a Link.
func AppendEvent(dst []byte, e *Event) []byte {
	dst = append(dst, `{"v":1,"type":"event","id":`...)
	dst = appendString(dst, e.ID)
	dst = append(dst, `,"ts":"`...)
	dst = AppendTime(dst, e.Time)
	dst = append(dst, `","stream":`...)
	dst = appendString(dst, e.Stream)
	dst = append(dst, `,"series":`...)
	dst = appendString(dst, e.Series)
	dst = append(dst, `,"epoch":`...)
	dst = strconv.AppendInt(dst, int64(e.Epoch), 10)
	dst = append(dst, `,"kind":`...)
	dst = appendString(dst, e.Kind)
	dst = append(dst, `,"severity":`...)
	dst = appendString(dst, e.Severity)
	dst = append(dst, `,"why":`...)
	dst = appendString(dst, e.Why)
	dst = append(dst, `,"model":`...)
	dst = appendString(dst, e.Model)
	dst = append(dst, `,"data":`...)
	dst = appendMap(dst, e.Data, 0)
	if id, phase := e.Alert(); phase != NoAlert {
		dst = appendString(append(dst, `,"alert":`...), id)
		dst = appendString(append(dst, `,"phase":`...), phase.String())
	}
	if e.Link != "" {
		dst = appendString(append(dst, `,"link":`...), e.Link)
	}
	return append(dst, '}')
}

func appendMap(dst []byte, m map[string]any, depth int) []byte {
	dst = append(dst, '{')
	for i, k := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, k)
		dst = append(dst, ':')
		dst = appendAny(dst, m[k], depth+1)
	}
	return append(dst, '}')
}

// appendAny appends v. Numbers that JSON lacks are null instead of an error,
// which is why this isn't left to encoding/json.
func appendAny(dst []byte, v any, depth int) []byte {
	if depth > maxDepth {
		return append(dst, "null"...)
	}
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case string:
		return appendString(dst, v)
	case int:
		return strconv.AppendInt(dst, int64(v), 10)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case float64:
		return AppendFloat(dst, v)
	case float32:
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			return append(dst, "null"...)
		}
	case map[string]any:
		return appendMap(dst, v, depth)
	case []any:
		return appendList(dst, v, depth)
	case []float64:
		return appendList(dst, v, depth)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return append(dst, "null"...)
	}
	return append(dst, b...)
}

func appendList[T any](dst []byte, list []T, depth int) []byte {
	dst = append(dst, '[')
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendAny(dst, v, depth+1)
	}
	return append(dst, ']')
}
