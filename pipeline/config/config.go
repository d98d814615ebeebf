package config

// The structs below are the schema of decoder, JSON Schema and reference. The comment
// of a field says what its key does, and its tags the rest: yaml names the key, enum
// lists the values it may have, only the types (of a connection, source or sink) that
// know it, required those that need it (or all), short says that a plain list stands
// for a mapping, default what stands for the key where it is absent, and example is a
// value as one writes it.
//
//go:generate go test -run TestWords -update .

// Config is a whole file. Lists of named things are in the order of the file.
type Config struct {
	// Version of the file's format.
	Version int `yaml:"version" required:"all" example:"1"`
	// Folder of all that must survive a restart: journal, checkpoints, models, spools, dead letters. One
	// process locks it. Relative paths are relative to where quell is started.
	StateDir string `yaml:"state_dir" default:"quell-state" example:"/var/lib/quell"`
	// Where the dashboard and the API listen, and who may ask.
	HTTP HTTP `yaml:"http" example:"{listen: 127.0.0.1:7070, token_file: /etc/quell/token}"`
	// Addresses of pages for people, which events carry.
	Links Links `yaml:"links" example:"{dashboard: \"https://quell.example/?series={series}\"}"`
	// The brokers, by names of your choice.
	Connections []Connection `yaml:"connections" example:"{plant: {type: mqtt, url: \"mqtt://localhost:1883\"}}"`
	// The streams, by names of your choice, which become part of topics and metrics. At least one. A stream
	// says what to read, how to lay it on a grid, what denoises it and where its records go.
	Streams []Stream `yaml:"streams" required:"all" example:"{pumps: {source: {type: sim}, sinks: [out]}}"`
	// Where records and events go, by names of your choice. At least one.
	Sinks []Sink `yaml:"sinks" required:"all" example:"{out: {type: stdout}}"`
	// Where messages and samples go that can't be used.
	DeadLetter DeadLetter `yaml:"dead_letter" example:"{type: file, path: /var/lib/quell/dlq}"`
}

// HTTP says where the dashboard and the API listen.
type HTTP struct {
	// Address of dashboard, API and metrics, HOST:PORT; off: none.
	Listen string `yaml:"listen" default:"127.0.0.1:7070" example:"0.0.0.0:7070"`
	// File with the token that requests must carry, or credential:NAME. Required beyond loopback, and for
	// whatever changes what runs.
	TokenFile string `yaml:"token_file" example:"/etc/quell/token"`
	// Names that requests may call this machine by besides localhost and its addresses. None: on loopback no
	// other, beyond it any.
	Hosts []string `yaml:"hosts" example:"[quell.example]"`
	// Certificates of the server. Without them it serves plain HTTP.
	TLS *ServerTLS `yaml:"tls" example:"{cert_file: /etc/quell/cert.pem, key_file: /etc/quell/key.pem}"`
}

// ServerTLS says how the HTTP server is secured.
type ServerTLS struct {
	// Certificate of the server, with those between it and its authority, PEM.
	CertFile string `yaml:"cert_file" required:"all" example:"/etc/quell/cert.pem"`
	// Private key of the certificate, PEM, or credential:NAME.
	KeyFile string `yaml:"key_file" required:"all" example:"/etc/quell/key.pem"`
	// Authorities, PEM: whoever connects must show a certificate that one of these signed.
	ClientCAFile string `yaml:"client_ca_file" example:"/etc/quell/clients.pem"`
	// Oldest version of TLS that is spoken.
	MinVersion string `yaml:"min_version" enum:"1.2,1.3" default:"1.2" example:"\"1.3\""`
}

// Links say where people look.
type Links struct {
	// Address that each event carries as its link. May hold {stream}, {series}, {kind} and {ms}, the time of
	// the event in Unix milliseconds.
	Dashboard string `yaml:"dashboard" example:"\"https://grafana.example/d/quell?var-series={series}&to={ms}\""`
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
	Name string `yaml:"-"`
	// What the broker speaks.
	Type string `yaml:"type" enum:"mqtt,kafka" required:"all" example:"mqtt"`
	// Address of the MQTT broker: mqtt://, mqtts://, ws:// or wss://, with a port. User and password have keys
	// of their own.
	URL string `yaml:"url" only:"mqtt" required:"mqtt" example:"mqtts://broker:8883"`
	// Name by which the broker knows this client; each source and sink adds its own. MQTT brokers keep what is
	// not delivered under it, so that it must stay and be no other's.
	ClientID string `yaml:"client_id" default:"(MQTT) quell-HOST-NAME" example:"quell-gw1"`
	// User of the MQTT broker. Kafka has it under sasl.
	Username string `yaml:"username" only:"mqtt" example:"quell"`
	// Password of the user; better password_file or ${NAME}.
	Password Secret `yaml:"password" only:"mqtt" example:"\"${MQTT_PASSWORD}\""`
	// File with the password, or credential:NAME.
	PasswordFile string `yaml:"password_file" only:"mqtt" example:"/run/secrets/mqtt"`
	// Kafka brokers to begin with, HOST or HOST:PORT; the port defaults to 9092.
	Brokers []string `yaml:"brokers" only:"kafka" required:"kafka" example:"[k1:9092, k2:9092]"`
	// How the Kafka client proves who it is.
	SASL *SASL `yaml:"sasl" only:"kafka" example:"{mechanism: scram-sha-512, username: quell, password_file: /run/secrets/kafka}"`
	// How the connection is secured. {} verifies against the authorities of the system. MQTT needs mqtts:// or
	// wss:// for it, which alone do the same.
	TLS *TLS `yaml:"tls" example:"{ca_file: /etc/quell/ca.pem}"`
}

// TLS says how a connection is secured. The zero value verifies against the
// system's authorities.
type TLS struct {
	// Authorities to trust instead of those of the system, PEM.
	CAFile string `yaml:"ca_file" example:"/etc/quell/ca.pem"`
	// Certificate of this client, PEM.
	CertFile string `yaml:"cert_file" example:"/etc/quell/client.pem"`
	// Private key of the client's certificate, PEM, or credential:NAME.
	KeyFile string `yaml:"key_file" example:"/etc/quell/client.key"`
	// Name that the certificate of the other end must carry, where it is not the host's.
	ServerName string `yaml:"server_name" example:"broker.plant"`
	// Take any certificate: anyone can be the other end then.
	InsecureSkipVerify bool `yaml:"insecure_skip_verify" default:"false" example:"false"`
	// Oldest version of TLS that is spoken.
	MinVersion string `yaml:"min_version" enum:"1.2,1.3" default:"1.2" example:"\"1.3\""`
}

// SASL is how a Kafka client proves who it is.
type SASL struct {
	// Mechanism that the brokers accept. plain sends the password as it is: add tls.
	Mechanism string `yaml:"mechanism" enum:"plain,scram-sha-256,scram-sha-512" required:"all" example:"scram-sha-512"`
	// Who to log in as.
	Username string `yaml:"username" required:"all" example:"quell"`
	// Password of the user; better password_file or ${NAME}.
	Password Secret `yaml:"password" example:"\"${KAFKA_PASSWORD}\""`
	// File with the password, or credential:NAME.
	PasswordFile string `yaml:"password_file" example:"/run/secrets/kafka"`
}

// Stream maps topics and payloads to series and channels.
type Stream struct {
	Name string `yaml:"-"`
	// Where the messages come from.
	Source Source `yaml:"source" required:"all" example:"{connection: plant, topics: [\"sensors/{series}/telemetry\"]}"`
	// The variables of a series, by names of your choice; a plain list of names where all is by default. At
	// least one, but for sim and host.
	Channels []Channel `yaml:"channels" short:"list" example:"{temp: {path: temp_c, unit: °C}}"`
	// How samples are laid on the grid of their series.
	Window Window `yaml:"window" example:"{rate_hz: 1, lateness: 2s}"`
	// What denoises.
	Model Model `yaml:"model" example:"{use: base, lookahead: 8}"`
	// How easily an alarm is raised.
	Drift Drift `yaml:"drift" example:"{false_alarms: 1/month}"`
	// Whether and how the model may change.
	Adapt Adapt `yaml:"adapt" example:"{mode: auto}"`
	// Names of the sinks that the stream feeds, at least one.
	Sinks []string `yaml:"sinks" required:"all" example:"[clean, ops]"`
}

// Source says where a stream's messages come from: a connection, or a type of
// its own.
type Source struct {
	// Name of one under connections. Or type.
	Connection string `yaml:"connection" example:"plant"`
	// Source that needs no broker: a file, simulated sensors, or the sensors of this machine.
	Type string `yaml:"type" enum:"file,sim,host" example:"file"`
	// Topics to read. MQTT: templates, in which {series} and {channel} stand for levels, and + and # are as
	// ever. Kafka: names.
	Topics []string `yaml:"topics" only:"mqtt,kafka" required:"mqtt,kafka" example:"[\"sensors/{series}/telemetry\"]"`
	// Another stream may read the same messages.
	SharedInput bool `yaml:"shared_input" only:"mqtt,kafka" default:"false" example:"true"`
	// How a payload is read.
	Codec Codec `yaml:"codec" only:"mqtt,kafka" example:"{type: json, time: ts, time_unit: ms}"`
	// Silence that is told of by an event; 0s: none.
	NoData Duration `yaml:"no_data" only:"mqtt,kafka,host" default:"5m" example:"10m"`

	// Quality of service of the subscription, 0 or 1. With 0 the broker may lose messages.
	QoS int `yaml:"qos" only:"mqtt" default:"1" example:"1"`
	// Take retained messages too.
	Retained bool `yaml:"retained" only:"mqtt" default:"false" example:"true"`
	// Part of the series that this replica takes, by a hash of their names; all replicas read all messages.
	Shard *Shard `yaml:"shard" only:"mqtt" example:"{index: 0, count: 2}"`
	// A shared subscription ($share) is safe: there is one replica, or the broker keeps a series with one.
	ShareAffinity bool `yaml:"share_affinity" only:"mqtt" default:"false" example:"true"`
	// Room on disk for messages that are acknowledged and not finished. When it is full nothing is
	// acknowledged.
	JournalBytes ByteSize `yaml:"journal_bytes" only:"mqtt" default:"1GiB" example:"256MiB"`

	// Consumer group. Replicas of one pipeline share it.
	Group string `yaml:"group" only:"kafka" default:"quell-STREAM" example:"quell-turbines"`
	// Where to begin without a committed offset.
	Start string `yaml:"start" only:"kafka" enum:"earliest,latest" default:"earliest" example:"latest"`
	// Compacted topic of the state. With model.scope: shared there is STATE_TOPIC.models too.
	StateTopic string `yaml:"state_topic" only:"kafka" default:"quell.STREAM.state" example:"quell.turbines.state"`

	// File to read; - is standard input.
	Path string `yaml:"path" only:"file" required:"file" example:"configs/readings.csv"`
	// Format of the file. Default: by its content.
	Format string `yaml:"format" only:"file" enum:"csv,jsonl" example:"csv"`
	// Column of the series' names.
	Series string `yaml:"series" only:"file" example:"device"`
	// Name of the series where no column has it. Default: the file's name.
	DefaultSeries string `yaml:"default_series" only:"file" example:"boiler"`
	// Column of the event time. Default: ts, time, timestamp or datetime, whichever is there first.
	Time string `yaml:"time" only:"file" example:"ts"`
	// Unit of the event time. Default: text is RFC 3339, numbers are milliseconds.
	TimeUnit string `yaml:"time_unit" only:"file" enum:"s,ms,us,ns,rfc3339" example:"ms"`
	// Zone of dates that name none.
	TZ string `yaml:"tz" only:"file" default:"UTC" example:"Europe/Berlin"`
	// Rate of rows without a time column.
	RateHz float64 `yaml:"rate_hz" only:"file" default:"1" example:"50"`

	// Seed of the simulated sensors.
	Seed uint64 `yaml:"seed" only:"sim" default:"1" example:"7"`
	// Time between readings of this machine's sensors, at least 10ms.
	Every Duration `yaml:"every" only:"host" default:"1s" example:"500ms"`
}

// Shard says which part of the series a replica takes.
type Shard struct {
	// Which of the replicas this is, from 0.
	Index int `yaml:"index" required:"all" example:"0"`
	// Number of replicas.
	Count int `yaml:"count" required:"all" example:"2"`
}

// Codec says how a payload is read.
type Codec struct {
	// Format of the payload: JSON (an object, or an array of them), a plain number, or lines of CSV.
	Type string `yaml:"type" enum:"json,plain,csv" default:"json" example:"plain"`
	// Field of the series' name, dots going into objects. Default: the level {series} of the topic, or the
	// Kafka key.
	Series string `yaml:"series" example:"dev.id"`
	// Name of the series of messages that name none.
	DefaultSeries string `yaml:"default_series" example:"gateway"`
	// Field of the event time. Default: the broker's time, else that of arrival.
	Time string `yaml:"time" example:"ts"`
	// Unit of the event time. Default: text is RFC 3339, numbers are milliseconds.
	TimeUnit string `yaml:"time_unit" enum:"s,ms,us,ns,rfc3339" example:"ms"`
	// Columns of a line of CSV, in order.
	Columns []string `yaml:"columns" example:"[device, ts, temp]"`
	// What stands between the columns of a line of CSV; with a semicolon numbers may have a decimal comma. Default: comma.
	Separator string `yaml:"separator" enum:"comma,semicolon,tab" example:"semicolon"`
	// Largest payload; larger ones go to the dead letter.
	MaxBytes ByteSize `yaml:"max_bytes" default:"1MiB" example:"64KiB"`
	// Refuse numbers in quotes, bare NaN and Infinity.
	Strict bool `yaml:"strict" default:"false" example:"true"`
}

// Channel is one variable of a stream.
type Channel struct {
	Name string `yaml:"-"`
	// Field or column of the value, dots going into objects. Default: the channel's name.
	Path string `yaml:"path" example:"vib.rms"`
	// Unit, for people.
	Unit string `yaml:"unit" example:"mm/s"`
	// Least reading that is possible; what lies below counts as missing.
	Min *float64 `yaml:"min" example:"-40"`
	// Largest reading that is possible; what lies above counts as missing.
	Max *float64 `yaml:"max" example:"150"`
	// Codes that stand for no value.
	Missing []float64 `yaml:"missing" example:"[-127]"`
	// Deviation of the noise, in the unit of the channel. Default: estimated.
	Sigma float64 `yaml:"sigma" example:"0.2"`
	// Autocorrelation of the noise from slot to slot, 0 to below 1; needs sigma. 0: white.
	Colour float64 `yaml:"colour" default:"0" example:"0.9"`
}

// Window says how samples are laid on the grid.
type Window struct {
	// Rate of the grid. Default: learnt from each series, and kept.
	RateHz float64 `yaml:"rate_hz" example:"10"`
	// How readings of several channels are brought together: the latest one of each slot.
	Align string `yaml:"align" enum:"latest" default:"latest" example:"latest"`
	// How long a channel's last reading stands for the next ones, marked as held.
	Hold Duration `yaml:"hold" default:"0s" example:"5s"`
	// Longest gap that the model fills, of the series and of each channel. A longer one of all channels resets the context; one channel has no clean values from there on, and quality bad. Default: eight slots; of a channel that reads more rarely, two of its usual distances; and any gap of a channel that a model of several channels at once has from the others.
	MaxGap Duration `yaml:"max_gap" example:"5s"`
	// How long a slot waits for samples, in event time.
	Lateness Duration `yaml:"lateness" default:"2s" example:"500ms"`
	// What becomes of samples that are later than that: they go to the dead letter, or revise the records.
	Late string `yaml:"late" enum:"drop,revise" default:"drop" example:"revise"`
	// How far back late samples may revise records. Needs late: revise, which needs it.
	AllowedLateness Duration `yaml:"allowed_lateness" example:"10s"`
	// Silence of a series after which what waits is given out as provisional records, by the clock; 0s: never.
	IdleFlush Duration `yaml:"idle_flush" default:"0s" example:"30s"`
	// Series whose state is held; samples of further ones pass raw, counted.
	MaxSeries int `yaml:"max_series" default:"10000" example:"100000"`
	// Silence, in event time, after which a series is forgotten; 0s: never.
	StateTTL Duration `yaml:"state_ttl" default:"0s" example:"30d"`
}

// Model says what denoises.
type Model struct {
	// base, a NAME@hhhhhh from the model bank, or a file ending in .quell or .onnx.
	Use string `yaml:"use" default:"base" example:"models/pump.quell"`
	// Whether each series may have a model of its own, or all series of the stream share one.
	Scope string `yaml:"scope" enum:"per-series,shared" default:"per-series" example:"shared"`
	// Samples after its own that a record waits for: 0, 8, 32 or 126 with base. Default: by max_delay.
	Lookahead *int `yaml:"lookahead" example:"8"`
	// Longest that a record may wait for look-ahead. Default: 8 samples if they last no longer than 1s, else
	// what fits.
	MaxDelay Duration `yaml:"max_delay" example:"4s"`
	// Share of true values that lo..hi is to cover.
	Interval float64 `yaml:"interval" default:"0.9" example:"0.95"`
	// A classical filter serves where the network is not shown to be better.
	Guard *bool `yaml:"guard" default:"true" example:"false"`
}

// Drift says how easily an alarm is raised.
type Drift struct {
	// False alarms of one series that are borne: COUNT/PERIOD, the period being second, minute, hour, day,
	// week, month, year or a number of samples.
	FalseAlarms Rate `yaml:"false_alarms" default:"1/month" example:"1/1e6"`
}

// Adapt says whether the model may change.
type Adapt struct {
	// off: never. shadow: fine-tune and judge, and switch nothing. auto: promote what is surely better, roll
	// back what is not.
	Mode string `yaml:"mode" enum:"off,shadow,auto" default:"auto" example:"shadow"`
	// Share of one core that fine-tuning may take.
	CPUShare float64 `yaml:"cpu_share" default:"0.25" example:"0.5"`
	// Replay buffer of a series, or of the stream with model.scope shared.
	ReplayBytes ByteSize `yaml:"replay_bytes" default:"8MiB" example:"16MiB"`
}

// Sink is where records and events go.
type Sink struct {
	Name string `yaml:"-"`
	// What is written to.
	Type string `yaml:"type" enum:"mqtt,kafka,file,stdout,webhook,alertmanager" required:"all" example:"mqtt"`
	// What goes there: records (raw and clean values), events (drifts, outages, switches), or all. Default:
	// records; of webhook and alertmanager events.
	Emit string `yaml:"emit" enum:"records,events,all" example:"events"`
	// Nothing is acknowledged before a required sink, or its spool, has it. An optional one that is behind
	// loses items, counted.
	Required bool `yaml:"required" default:"true" example:"false"`
	// Name of one under connections, of the sink's type.
	Connection string `yaml:"connection" only:"mqtt,kafka" required:"mqtt,kafka" example:"plant"`
	// Topic to publish to. May hold {stream} and, with MQTT, {series}.
	Topic string `yaml:"topic" only:"mqtt,kafka" required:"mqtt,kafka" example:"\"quell/{stream}/{series}\""`
	// Quality of service, 0 or 1. With 0 the broker may lose messages.
	QoS int `yaml:"qos" only:"mqtt" default:"1" example:"1"`
	// Have the broker keep the latest message of each topic.
	Retained bool `yaml:"retained" only:"mqtt" default:"false" example:"true"`
	// Room on disk for what the sink does not take. Default: none.
	Spool *Spool `yaml:"spool" example:"{max_bytes: 1GiB, spill_after: 10s}"`

	// File to write.
	Path string `yaml:"path" only:"file" required:"file" example:"clean.jsonl"`
	// Format of the file. Default: by the path's ending, else jsonl.
	Format string `yaml:"format" only:"file" enum:"jsonl,csv" example:"jsonl"`
	// Size at which the file is rotated. Default: never.
	MaxBytes ByteSize `yaml:"max_bytes" only:"file" example:"64MiB"`
	// Event time after which the file is rotated. Default: never.
	MaxAge Duration `yaml:"max_age" only:"file" example:"1d"`
	// Rotated files to keep. Default: all.
	Keep int `yaml:"keep" only:"file" example:"10"`
	// Compress rotated files.
	Gzip bool `yaml:"gzip" only:"file" default:"false" example:"true"`

	// Address to post to. Alertmanager: of its only member, else urls.
	URL string `yaml:"url" only:"webhook,alertmanager" required:"webhook" example:"https://ops.example/hook"`
	// Key that signs requests; better secret_file or ${NAME}.
	Secret Secret `yaml:"secret" only:"webhook" example:"\"${HOOK_SECRET}\""`
	// File with the key, or credential:NAME.
	SecretFile string `yaml:"secret_file" only:"webhook" example:"/etc/quell/hmac"`
	// How long an answer may take.
	Timeout Duration `yaml:"timeout" only:"webhook,alertmanager" default:"10s" example:"3s"`
	// How the connection is secured, with https.
	TLS *TLS `yaml:"tls" only:"webhook,alertmanager" example:"{ca_file: /etc/quell/ca.pem}"`

	// Addresses of the members of a cluster, or url.
	URLs []string `yaml:"urls" only:"alertmanager" example:"[\"http://am1:9093\", \"http://am2:9093\"]"`
	// User, with password or password_file.
	Username string `yaml:"username" only:"alertmanager" example:"quell"`
	// Password of the user; better password_file or ${NAME}.
	Password Secret `yaml:"password" only:"alertmanager" example:"\"${AM_PASSWORD}\""`
	// File with the password, or credential:NAME.
	PasswordFile string `yaml:"password_file" only:"alertmanager" example:"/run/secrets/am"`
	// Bearer token, instead of a password; better token_file or ${NAME}.
	Token Secret `yaml:"token" only:"alertmanager" example:"\"${AM_TOKEN}\""`
	// File with the token, or credential:NAME.
	TokenFile string `yaml:"token_file" only:"alertmanager" example:"/run/secrets/am-token"`
	// How often open alerts are sent again.
	Resend Duration `yaml:"resend" only:"alertmanager" default:"1m" example:"30s"`
	// Time after which an alert that is not sent again is over; longer than resend.
	ResolveTimeout Duration `yaml:"resolve_timeout" only:"alertmanager" default:"5m" example:"10m"`
	// Labels that every alert gets.
	Labels map[string]string `yaml:"labels" only:"alertmanager" example:"{team: water}"`
}

// Spool is the room on disk for what a sink does not take.
type Spool struct {
	// Size of the spool, at least 1MiB. Full, a required sink holds its streams up and an optional one drops
	// its oldest items.
	MaxBytes ByteSize `yaml:"max_bytes" default:"1GiB" example:"256MiB"`
	// How long the sink may fail before the spool is used.
	SpillAfter Duration `yaml:"spill_after" default:"10s" example:"30s"`
}

// DeadLetter is where messages and samples go that can't be used.
type DeadLetter struct {
	// What is written to.
	Type string `yaml:"type" enum:"file,mqtt,kafka" default:"file" example:"file"`
	// Folder of the files. Default: dlq in state_dir.
	Path string `yaml:"path" only:"file" example:"/var/lib/quell/dlq"`
	// Size of all files, at least 1MiB; the oldest goes first.
	MaxBytes ByteSize `yaml:"max_bytes" only:"file" default:"256MiB" example:"64MiB"`
	// Name of one under connections, of the type above.
	Connection string `yaml:"connection" only:"mqtt,kafka" required:"mqtt,kafka" example:"cluster"`
	// Topic to publish to. May hold {stream}.
	Topic string `yaml:"topic" only:"mqtt,kafka" required:"mqtt,kafka" example:"quell.dlq"`
}
