package web

import (
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
)

// History is what was found before. Its methods are called from several
// goroutines at once.
type History interface {
	// Incidents returns at most limit incidents that overlap a span of time, the
	// newest first.
	Incidents(since, until time.Time, limit int) ([]incident.Incident, error)
	// Series returns at most points samples of a series, the oldest first; none
	// where there is no such series.
	Series(name string, since, until time.Time, points int) ([]Sample, error)
	// SeriesNames lists the series there are.
	SeriesNames() ([]string, error)
}

// Sample is a span of a series, beginning at a time.
type Sample struct {
	At   time.Time `json:"at"`
	Min  float64   `json:"min"`
	Mean float64   `json:"mean"`
	Max  float64   `json:"max"`
}
