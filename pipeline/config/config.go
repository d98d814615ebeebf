package config

// The structs below are the schema: the tag yaml names a key, enum lists the
// values it may have, only the types (of a connection, source or sink) that know
// the key, and short the element key that a plain list stands for.

// Config is a whole file. Lists of named things are in the order of the file.
type Config struct {
	Version     int          `yaml:"version"`   // 1
	StateDir    string       `yaml:"state_dir"` // locked by one process; default ./quell-state
	HTTP        HTTP         `yaml:"http"`
	Links       Links        `yaml:"links"`
	Connections []Connection `yaml:"connections"`
	Streams     []Stream     `yaml:"streams"` // at least one
	Sinks       []Sink       `yaml:"sinks"`   // at least one
	DeadLetter  DeadLetter   `yaml:"dead_letter"`
}

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

// Sink returns the sink of that name, nil if there is none.
func (c *Config) Sink(name string) *Sink {
	for i := range c.Sinks {
		if c.Sinks[i].Name == name {
			return &c.Sinks[i]
		}
	}
	return nil
}

// HTTP says where the dashboard and the API listen.
type HTTP struct {
	Listen    string `yaml:"listen"`     // host:port, default 127.0.0.1:7070; "" after "off"
	TokenFile string `yaml:"token_file"` // required beyond loopback
	// Hosts are the names that requests may call this machine by besides localhost
	// and its addresses. None: on loopback no other, beyond it any.
	Hosts []string   `yaml:"hosts"`
	TLS   *ServerTLS `yaml:"tls"` // nil: plain
}

// ServerTLS says how the HTTP server is secured.
type ServerTLS struct {
	CertFile     string `yaml:"cert_file"`
	KeyFile      string `yaml:"key_file"`
	ClientCAFile string `yaml:"client_ca_file"` // whoever connects must show a certificate that one of these signed
	MinVersion   string `yaml:"min_version" enum:"1.2,1.3"`
}

// Links say where people look.
type Links struct {
	Dashboard string `yaml:"dashboard"` // address that events carry; may hold {stream}, {series}, {kind} and {ms}
}

// The types of connections, sources and sinks.
const (
	MQTT         = "mqtt"
	Kafka        = "kafka"
	File         = "file"
	Sim          = "sim"
	Host         = "host"
	Stdout       = "stdout"
	Webhook      = "webhook"
	Alertmanager = "alertmanager"
)

// Connection is a broker.
type Connection struct {
	Name         string   `yaml:"-"`
	Type         string   `yaml:"type" enum:"mqtt,kafka"`
	URL          string   `yaml:"url" only:"mqtt"`      // mqtt, mqtts, ws or wss; with a port
	ClientID     string   `yaml:"client_id"`            // MQTT default: made of the host's and the connection's name
	Username     string   `yaml:"username" only:"mqtt"` // Kafka has it under sasl
	Password     Secret   `yaml:"password" only:"mqtt"` // or PasswordFile
	PasswordFile string   `yaml:"password_file" only:"mqtt"`
	Brokers      []string `yaml:"brokers" only:"kafka"` // host:port; the port defaults to 9092
	SASL         *SASL    `yaml:"sasl" only:"kafka"`
	TLS          *TLS     `yaml:"tls"` // nil: plain. Never nil for mqtts and wss
}

// TLS says how a connection is secured. The zero value verifies against the
// system's authorities.
type TLS struct {
	CAFile             string `yaml:"ca_file"`
	CertFile           string `yaml:"cert_file"`
	KeyFile            string `yaml:"key_file"`
	ServerName         string `yaml:"server_name"`
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify"`
	MinVersion         string `yaml:"min_version" enum:"1.2,1.3"` // default 1.2
}

// SASL is how a Kafka client proves who it is.
type SASL struct {
	Mechanism    string `yaml:"mechanism" enum:"plain,scram-sha-256,scram-sha-512"`
	Username     string `yaml:"username"`
	Password     Secret `yaml:"password"` // or PasswordFile
	PasswordFile string `yaml:"password_file"`
}

// Stream maps topics and payloads to series and channels.
type Stream struct {
	Name     string    `yaml:"-"`
	Source   Source    `yaml:"source"`
	Channels []Channel `yaml:"channels" short:"list"` // at least one, but for sim and host
	Window   Window    `yaml:"window"`
	Model    Model     `yaml:"model"`
	Drift    Drift     `yaml:"drift"`
	Adapt    Adapt     `yaml:"adapt"`
	Sinks    []string  `yaml:"sinks"` // names, at least one
}

// Source says where a stream's messages come from: a connection, or a type of
// its own.
type Source struct {
	Connection  string   `yaml:"connection"`
	Type        string   `yaml:"type" enum:"file,sim,host"` // the connection's type where there is one: mqtt or kafka
	Topics      []string `yaml:"topics" only:"mqtt,kafka"`  // templates with {series} and {channel}; Kafka: names
	SharedInput bool     `yaml:"shared_input" only:"mqtt,kafka"`
	Codec       Codec    `yaml:"codec" only:"mqtt,kafka"`
	NoData      Duration `yaml:"no_data" only:"mqtt,kafka,host"` // silence that is told of, 0s: none; default 5m

	QoS           int      `yaml:"qos" only:"mqtt"`      // 0 or 1, default 1
	Retained      bool     `yaml:"retained" only:"mqtt"` // take retained messages too
	Shard         *Shard   `yaml:"shard" only:"mqtt"`
	ShareAffinity bool     `yaml:"share_affinity" only:"mqtt"` // $share is safe: one replica, or the broker keeps a series with one
	JournalBytes  ByteSize `yaml:"journal_bytes" only:"mqtt"`  // default 1GiB

	Group      string `yaml:"group" only:"kafka"`                        // default quell-STREAM
	Start      string `yaml:"start" only:"kafka" enum:"earliest,latest"` // without a committed offset; default earliest
	StateTopic string `yaml:"state_topic" only:"kafka"`                  // default quell.STREAM.state

	Path          string  `yaml:"path" only:"file"`                    // "-" is standard input
	Format        string  `yaml:"format" only:"file" enum:"csv,jsonl"` // default: by content
	Series        string  `yaml:"series" only:"file"`                  // column of the series' names
	DefaultSeries string  `yaml:"default_series" only:"file"`          // default: the file's name
	Time          string  `yaml:"time" only:"file"`                    // column; default ts, time, timestamp or datetime
	TimeUnit      string  `yaml:"time_unit" only:"file" enum:"s,ms,us,ns,rfc3339"`
	TZ            string  `yaml:"tz" only:"file"`      // zone of dates that name none, default UTC
	RateHz        float64 `yaml:"rate_hz" only:"file"` // of rows without a time column, default 1

	Seed  uint64   `yaml:"seed" only:"sim"`   // default 1
	Every Duration `yaml:"every" only:"host"` // default 1s
}

// Shard says which part of the series a replica takes.
type Shard struct {
	Index int `yaml:"index"` // from 0
	Count int `yaml:"count"`
}

// Codec says how a payload is read.
type Codec struct {
	Type          string   `yaml:"type" enum:"json,plain,csv"` // default json
	Series        string   `yaml:"series"`                     // field of the series' name; default: the topic's {series} or the Kafka key
	DefaultSeries string   `yaml:"default_series"`             // of messages that name none
	Time          string   `yaml:"time"`                       // field of the event time; default: broker or arrival time
	TimeUnit      string   `yaml:"time_unit" enum:"s,ms,us,ns,rfc3339"`
	Columns       []string `yaml:"columns"` // csv only
	MaxBytes      ByteSize `yaml:"max_bytes"`
	Strict        bool     `yaml:"strict"` // refuse numbers in quotes, bare NaN and Infinity
}

// Channel is one variable of a stream.
type Channel struct {
	Name    string    `yaml:"-"`
	Path    string    `yaml:"path"` // field or column, default Name
	Unit    string    `yaml:"unit"` // for people
	Min     *float64  `yaml:"min"`
	Max     *float64  `yaml:"max"`
	Missing []float64 `yaml:"missing"` // codes that stand for no value
	Sigma   float64   `yaml:"sigma"`   // deviation of the noise, in the unit; 0: estimated
	Colour  float64   `yaml:"colour"`  // autocorrelation of the noise from slot to slot, below 1; 0: white
}

// Window says how samples are laid on the grid.
type Window struct {
	RateHz          float64  `yaml:"rate_hz"` // 0: learnt
	Align           string   `yaml:"align" enum:"latest"`
	Hold            Duration `yaml:"hold"`
	MaxGap          Duration `yaml:"max_gap"`                 // 0: eight slots
	Lateness        Duration `yaml:"lateness"`                // default 2s
	Late            string   `yaml:"late" enum:"drop,revise"` // default drop
	AllowedLateness Duration `yaml:"allowed_lateness"`        // revise only
	IdleFlush       Duration `yaml:"idle_flush"`              // 0: never
	MaxSeries       int      `yaml:"max_series"`              // default 10000
	StateTTL        Duration `yaml:"state_ttl"`               // event time after which an idle series is forgotten; 0: never
}

// Model says what denoises.
type Model struct {
	Use       string   `yaml:"use"`                            // base, NAME@hhhhhh, or a path ending in .quell or .onnx; default base
	Scope     string   `yaml:"scope" enum:"per-series,shared"` // default per-series
	Lookahead *int     `yaml:"lookahead"`                      // nil: by MaxDelay
	MaxDelay  Duration `yaml:"max_delay"`                      // 0: 8 samples if they last no longer than 1s, else what does
	Interval  float64  `yaml:"interval"`                       // coverage of lo..hi, default 0.9
	Guard     *bool    `yaml:"guard"`                          // a filter serves where the net is not shown to be better, default true
}

// Drift says how easily an alarm is raised.
type Drift struct {
	FalseAlarms Rate `yaml:"false_alarms"` // default 1/month
}

// Adapt says whether the model may change.
type Adapt struct {
	Mode        string   `yaml:"mode" enum:"off,shadow,auto"` // default auto
	CPUShare    float64  `yaml:"cpu_share"`                   // of one core, default 0.25
	ReplayBytes ByteSize `yaml:"replay_bytes"`                // per series or stream, default 8MiB
}

// Sink is where records and events go.
type Sink struct {
	Name       string `yaml:"-"`
	Type       string `yaml:"type" enum:"mqtt,kafka,file,stdout,webhook,alertmanager"`
	Emit       string `yaml:"emit" enum:"records,events,all"` // default records; webhook and alertmanager: events
	Required   bool   `yaml:"required"`                       // default true
	Connection string `yaml:"connection" only:"mqtt,kafka"`
	Topic      string `yaml:"topic" only:"mqtt,kafka"` // may hold {stream} and (MQTT) {series}
	QoS        int    `yaml:"qos" only:"mqtt"`         // 0 or 1, default 1
	Retained   bool   `yaml:"retained" only:"mqtt"`
	Spool      *Spool `yaml:"spool"` // nil: none

	Path     string   `yaml:"path" only:"file"`
	Format   string   `yaml:"format" only:"file" enum:"jsonl,csv"` // default: by the path's ending, else jsonl
	MaxBytes ByteSize `yaml:"max_bytes" only:"file"`               // rotate at this size; 0: never
	MaxAge   Duration `yaml:"max_age" only:"file"`                 // rotate after this much event time; 0: never
	Keep     int      `yaml:"keep" only:"file"`                    // rotated files; 0: all
	Gzip     bool     `yaml:"gzip" only:"file"`

	URL        string   `yaml:"url" only:"webhook,alertmanager"`
	Secret     Secret   `yaml:"secret" only:"webhook"` // signs requests; or SecretFile
	SecretFile string   `yaml:"secret_file" only:"webhook"`
	Timeout    Duration `yaml:"timeout" only:"webhook,alertmanager"` // default 10s
	TLS        *TLS     `yaml:"tls" only:"webhook,alertmanager"`

	URLs           []string `yaml:"urls" only:"alertmanager"`     // the members of a cluster; or URL
	Username       string   `yaml:"username" only:"alertmanager"` // with Password or PasswordFile
	Password       Secret   `yaml:"password" only:"alertmanager"`
	PasswordFile   string   `yaml:"password_file" only:"alertmanager"`
	Token          Secret   `yaml:"token" only:"alertmanager"` // or TokenFile, instead of a password
	TokenFile      string   `yaml:"token_file" only:"alertmanager"`
	Resend         Duration `yaml:"resend" only:"alertmanager"`          // of open alerts, default 1m
	ResolveTimeout Duration `yaml:"resolve_timeout" only:"alertmanager"` // after which one that is not sent again is over; default 5m
	// Labels are added to every alert.
	Labels map[string]string `yaml:"labels" only:"alertmanager"`
}

// Spool is the room on disk for what a sink does not take.
type Spool struct {
	MaxBytes   ByteSize `yaml:"max_bytes"`   // default 1GiB
	SpillAfter Duration `yaml:"spill_after"` // default 10s
}

// DeadLetter is where messages and samples go that can't be used.
type DeadLetter struct {
	Type       string   `yaml:"type" enum:"file,mqtt,kafka"` // default file
	Path       string   `yaml:"path" only:"file"`            // default STATE_DIR/dlq
	MaxBytes   ByteSize `yaml:"max_bytes" only:"file"`       // of all its files, the oldest goes first; default 256MiB
	Connection string   `yaml:"connection" only:"mqtt,kafka"`
	Topic      string   `yaml:"topic" only:"mqtt,kafka"`
}
