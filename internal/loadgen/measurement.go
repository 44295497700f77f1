package loadgen

// Measurement is what one load showed.
type Measurement struct {
	Offered float64 `json:"offered_rate"` // arrivals a second; 0: as fast as the connections go
	Seconds float64 `json:"seconds"`      // measured, without the warm-up
	Rate    float64 `json:"rate"`         // accepted answers a second

	Accepted int64 `json:"accepted"`
	Refused  int64 `json:"refused"` // 503 and 429
	Errors   int64 `json:"errors"`  // all other answers but 2xx, and none at all
	Unsent   int64 `json:"unsent"`  // arrivals for which there was no connection until the end

	Statuses map[string]int64 `json:"statuses"`
	Causes   map[string]int64 `json:"causes"` // of refusals and errors

	Latency        Latency            `json:"latency"` // of accepted and unsent ones, from the moment they were due
	ByKind         map[string]Latency `json:"latency_by_kind"`
	RefusedLatency Latency            `json:"refused_latency"`
	ErrorLatency   Latency            `json:"error_latency"`
	Service        Latency            `json:"service_latency"` // of accepted ones, from the moment they were sent
	RefusedService Latency            `json:"refused_service_latency"`
	SendDelay      Latency            `json:"send_delay"` // from due to sent: no connection was free, or the generator was late

	Generator GeneratorCost `json:"generator"`
	Bank      *BankCost     `json:"bank,omitempty"`     // where its metrics can be read
	Database  *DatabaseCost `json:"database,omitempty"` // where it can be asked
	Lag       *Lag          `json:"lag,omitempty"`      // where it was sampled
	Series    []Second      `json:"series"`
}

// GeneratorCost is what the generator itself took of the machine.
type GeneratorCost struct {
	ProcessorMicros float64 `json:"cpu_us_per_request"`
	Cores           float64 `json:"cores"`       // busy with it, on average
	Connections     int     `json:"connections"` // opened in the whole run, to the command APIs and the query API
}

// BankCost is what the processes behind the metrics took, without Postgres.
type BankCost struct {
	ProcessorMicros float64 `json:"cpu_us_per_accepted"`
	Cores           float64 `json:"cores"`
	ResidentBytes   int64   `json:"resident_bytes"` // at the end
	ResidentGrowth  int64   `json:"resident_growth_bytes"`
}

// DatabaseCost is what was written for each accepted answer, whoever wrote it: the log, its keys, and the read models when they
// are kept in the same server.
type DatabaseCost struct {
	WALBytes  float64 `json:"wal_bytes_per_accepted"`
	DiskBytes float64 `json:"disk_bytes_per_accepted"`
}
