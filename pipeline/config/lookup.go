package config

// Connection returns the connection of that name, nil if there is none.
func (c *Config) Connection(name string) *Connection {
	for i := range c.Connections {
		if c.Connections[i].Name == name {
			return &c.Connections[i]
		}
	}
	return nil
}

func (c *Config) connectionNames() []string {
	out := make([]string, len(c.Connections))
	for i := range c.Connections {
		out[i] = c.Connections[i].Name
	}
	return out
}

// Stream returns the stream of that name, nil if there is none.
func (c *Config) Stream(name string) *Stream {
	for i := range c.Streams {
		if c.Streams[i].Name == name {
			return &c.Streams[i]
		}
	}
	return nil
}

// Sink returns the sink of that name, nil if there is none.
func (c *Config) Sink(name string) *Sink {
	for i := range c.Sinks {
		if c.Sinks[i].Name == name {
			return &c.Sinks[i]
		}
	}
	return nil
}

// ModelTopic returns the topic by which replicas of a stream from Kafka tell each other of the
// models that all of its series share.
func (s *Source) ModelTopic() string { return s.StateTopic + ".models" }
