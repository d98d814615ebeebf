package client

import (
	"bufio"
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"
)

// The topics of a live stream.
const (
	TopicStatus = "status" // the status each second
	TopicEvents = "events" // events as they are told
)

// TopicGrid is the topic of the series of a stream that changed, each second.
func TopicGrid(stream string) string { return "grid:" + url.PathEscape(stream) }

// TopicSeries is that of the points of a series.
func TopicSeries(stream, series string) string {
	return "series:" + url.PathEscape(stream) + "/" + url.PathEscape(series)
}

// TopicTap is that of what goes through at an arrow of view.Arrows.
func TopicTap(stream, arrow string) string { return "tap:" + url.PathEscape(stream) + "/" + arrow }

// mostLine bounds a message of the live stream.
const mostLine = 16 << 20

// Live follows what is new of the topics until the instance ends the stream, which is
// io.EOF, or ctx ends. The last pair has the error, and no message.
func (c *Client) Live(ctx context.Context, topics ...string) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		res, err := c.Ask(ctx, http.MethodGet, "live", url.Values{"topics": {strings.Join(topics, ",")}}, nil)
		if err != nil {
			yield(Message{}, err)
			return
		}
		defer res.Body.Close()
		err = Messages(res.Body, func(m Message) bool { return yield(m, nil) })
		if errors.Is(err, errEnough) {
			return
		}
		yield(Message{}, err)
	}
}

var errEnough = errors.New("enough")

// Messages calls each with every message of a live stream, until each returns false. The
// error is io.EOF where the stream has ended by itself.
func Messages(from io.Reader, each func(Message) bool) error {
	in := bufio.NewScanner(from)
	in.Buffer(nil, mostLine)
	kind := ""
	for in.Scan() {
		if name, ok := strings.CutPrefix(in.Text(), "event: "); ok {
			kind = name
		}
		data, ok := strings.CutPrefix(in.Text(), "data: ")
		if ok && !each(Message{kind, []byte(data)}) {
			return errEnough
		}
	}
	if err := in.Err(); err != nil {
		return err
	}
	return io.EOF
}
