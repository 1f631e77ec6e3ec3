package main

import (
	"github.com/tcpdoctor/tcpdoctor/model"
)

// The schemas of what `simulate -o json` writes.
const (
	simulationSchema = "tcpdoctor.simulation/v1"
	sweepSchema      = "tcpdoctor.sweep/v1"
)

// simulated is a simulation for programs.
type simulated struct {
	Schema  string           `json:"schema"`
	Tool    toolName         `json:"tool"`
	Config  simulatedConfig  `json:"config"`
	Outcome simulatedOutcome `json:"outcome"`
	// Trajectory has the queues at regular times, peaks since the time before.
	Trajectory []model.SimSample `json:"trajectory"`
}

// swept is a sweep for programs.
type swept struct {
	Schema    string          `json:"schema"`
	Tool      toolName        `json:"tool"`
	Config    simulatedConfig `json:"config"`
	Parameter string          `json:"parameter"`
	Points    []sweptPoint    `json:"points"`
	// Knee is the smallest value behind which nothing gets better; where more
	// is worse (a flood), the largest that does no harm yet. Absent where the
	// parameter makes no difference.
	Knee *int `json:"knee,omitempty"`
}

// sweptPoint is the outcome with one value.
type sweptPoint struct {
	Value   int              `json:"value"`
	Outcome simulatedOutcome `json:"outcome"`
}

// simulatedConfig is the load and the settings of a simulation.
type simulatedConfig struct {
	Backlog           int                 `json:"backlog"` // -1: as large as somaxconn
	Somaxconn         int                 `json:"somaxconn"`
	MaxSynBacklog     int                 `json:"tcp_max_syn_backlog"`
	Syncookies        int                 `json:"tcp_syncookies"`
	SynackRetries     int                 `json:"tcp_synack_retries"`
	AbortOnOverflow   bool                `json:"tcp_abort_on_overflow"`
	Kernel            string              `json:"kernel,omitempty"` // absent: a current one
	Arrivals          []simulatedArrivals `json:"arrivals"`
	FloodPerSecond    float64             `json:"flood_per_second"`
	ServicePerSecond  float64             `json:"service_per_second"` // 0: never
	ServicePoisson    bool                `json:"service_poisson"`
	ServiceBatch      int                 `json:"service_batch"`
	Stalls            []simulatedStall    `json:"stalls"`
	RTTSeconds        float64             `json:"rtt_seconds"`
	SlowShare         float64             `json:"slow_share"`
	SlowSeconds       float64             `json:"slow_seconds"`
	SynRetries        int                 `json:"tcp_syn_retries"`
	SynLinearTimeouts int                 `json:"tcp_syn_linear_timeouts"`
	GiveUpSeconds     float64             `json:"give_up_seconds"` // 0: never
	ServerSpeaksFirst bool                `json:"server_speaks_first"`
	SimulatedSeconds  float64             `json:"simulated_seconds"`
	Seed              uint64              `json:"seed"`
}

type simulatedArrivals struct {
	Kind         model.ArrivalKind `json:"kind"`
	PerSecond    float64           `json:"per_second,omitempty"`
	Size         int               `json:"size,omitempty"`
	EverySeconds float64           `json:"every_seconds,omitempty"`
}

type simulatedStall struct {
	AtSeconds     float64 `json:"at_seconds"`
	LengthSeconds float64 `json:"length_seconds"`
	EverySeconds  float64 `json:"every_seconds,omitempty"` // absent: once
}

// simulatedOutcome is what came of a simulation. Of the queues, limit is what
// INET_DIAG would show; one more fits into the accept queue.
type simulatedOutcome struct {
	Verdict           string                   `json:"verdict"`
	Status            verdictTone              `json:"status"` // good, warning or bad
	AcceptQueueLimit  int                      `json:"accept_queue_limit"`
	HalfOpenMost      int                      `json:"half_open_most"` // that fit; 0: every SYN gets a cookie
	HalfOpenPeak      int                      `json:"half_open_peak"`
	Clients           model.SimTally           `json:"clients"`
	WaitMedianSeconds float64                  `json:"wait_median_seconds"`
	Wait99Seconds     float64                  `json:"wait_99_seconds"`
	WaitMostSeconds   float64                  `json:"wait_most_seconds"`
	QueueWaitSeconds  float64                  `json:"queue_wait_mean_seconds"`
	DropsPerSecond    float64                  `json:"drops_per_second"`
	Counters          map[model.Counter]uint64 `json:"counters"`
}

func simulationDocument(c model.SimConfig, r model.SimResult) simulated {
	return simulated{
		Schema: simulationSchema, Tool: toolName{version()}, Config: configDocument(c),
		Outcome: outcomeDocument(r), Trajectory: r.Trajectory,
	}
}

func configDocument(c model.SimConfig) simulatedConfig {
	d := simulatedConfig{
		Backlog: c.Backlog, Somaxconn: c.Somaxconn, MaxSynBacklog: c.MaxSynBacklog, Syncookies: c.Syncookies,
		SynackRetries: c.SynackRetries, AbortOnOverflow: c.AbortOnOverflow, Kernel: c.Dialect.Release,
		Arrivals: []simulatedArrivals{}, FloodPerSecond: c.FloodPerSecond,
		ServicePerSecond: c.Service.PerSecond, ServicePoisson: c.Service.Poisson, ServiceBatch: max(1, c.Service.Batch),
		Stalls: []simulatedStall{}, RTTSeconds: c.RTT.Seconds(), SlowShare: c.SlowShare, SlowSeconds: c.SlowDelay.Seconds(),
		SynRetries: c.SynRetries, SynLinearTimeouts: c.SynLinearTimeouts, GiveUpSeconds: c.GiveUp.Seconds(),
		ServerSpeaksFirst: c.Quiet, SimulatedSeconds: c.Duration.Seconds(), Seed: c.Seed,
	}
	for _, a := range c.Arrivals {
		d.Arrivals = append(d.Arrivals, simulatedArrivals{a.Kind, a.PerSecond, a.Size, a.Every.Seconds()})
	}
	for _, s := range c.Stalls {
		d.Stalls = append(d.Stalls, simulatedStall{s.At.Seconds(), s.Length.Seconds(), s.Every.Seconds()})
	}
	return d
}

func outcomeDocument(r model.SimResult) simulatedOutcome {
	text, tone := simulationVerdict(r)
	return simulatedOutcome{
		Verdict: text, Status: tone, AcceptQueueLimit: r.Limit, HalfOpenMost: r.HalfOpenMax, HalfOpenPeak: r.HalfOpenPeak, Clients: r.SimTally,
		WaitMedianSeconds: r.WaitMedian.Seconds(), Wait99Seconds: r.Wait99.Seconds(), WaitMostSeconds: r.WaitMost.Seconds(),
		QueueWaitSeconds: r.QueueWait.Seconds(), DropsPerSecond: r.DropsPerSecond(), Counters: r.Counters.Map(),
	}
}
