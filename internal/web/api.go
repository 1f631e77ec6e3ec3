package web

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
	"github.com/tcpdoctor/tcpdoctor/internal/report"
)

// The forms of the answers. Fields may be added without a new number.
const (
	findingsSchema = "tcpdoctor.findings/v1"
	historySchema  = "tcpdoctor.history/v1"
	seriesSchema   = "tcpdoctor.series/v1"
)

// What one request may ask for.
const (
	incidentsUsual, incidentsMost = 100, 1000
	pointsUsual, pointsMost       = 240, 2000
	seriesMost                    = 32 // names in one request
	readersMost                   = 4  // requests that read the history at once
	writersMost                   = 8  // and that write the report or the findings
	patience                      = 3 * time.Second
)

func (s *Server) routes(registry prometheus.Gatherer) (http.Handler, error) {
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		// Scrapes are small, and mostly local; compressing them would cost more
		// than everything else.
		DisableCompression: true, CoalesceGather: true, MaxRequestsInFlight: readersMost,
	}))
	mux.HandleFunc("/healthz", s.healthz)
	mux.HandleFunc("/readyz", s.readyz)
	writers := make(chan struct{}, writersMost)
	mux.Handle("/api/v1/report", atMost(writers, s.report))
	mux.Handle("/api/v1/findings", atMost(writers, s.findings))
	mux.Handle("/api/v1/page", atMost(writers, s.page))
	readers := make(chan struct{}, readersMost)
	mux.Handle("/api/v1/history", atMost(readers, s.incidents))
	mux.Handle("/api/v1/series", atMost(readers, s.series))
	if err := assets(mux); err != nil {
		return nil, err
	}
	return s.guard(mux), nil
}

// atMost answers so many requests at once; others wait a little and are then
// turned away. Answers may be large, and the memory for them is bounded.
func atMost(room chan struct{}, next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		enough := time.NewTimer(patience)
		defer enough.Stop()
		select {
		case room <- struct{}{}:
			defer func() { <-room }()
			next(w, r)
		case <-enough.C:
			w.Header().Set("Retry-After", "1")
			fail(w, http.StatusServiceUnavailable, "too many requests at once, try again")
		case <-r.Context().Done():
		}
	})
}

// fail answers with an error.
func fail(w http.ResponseWriter, code int, why string) {
	answer(w, code, map[string]string{"error": why})
}

// answer writes a value as JSON.
func answer(w http.ResponseWriter, code int, v any) {
	b, err := report.EncodeJSON(v)
	if err != nil {
		code, b = http.StatusInternalServerError, []byte(`{"error": "the answer cannot be written as JSON"}`+"\n")
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(code)
	w.Write(b) //nolint:errcheck // a client that left has nobody to tell
}

// health is what a probe is told.
type health struct {
	Status string `json:"status"`
	// LastTickSecondsAgo is absent before the first tick.
	LastTickSecondsAgo *float64 `json:"last_tick_seconds_ago,omitempty"`
}

// healthz tells whether the loop still ticks. How long ago the last tick was is
// measured on a clock that nobody sets.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	const ticks, least = 4, 30 * time.Second
	allowed, since := least, s.begun
	var out health
	if p := s.current.Load(); p != nil {
		allowed, since = max(least, ticks*p.Pace.Interval), p.at
		ago := s.now().Sub(p.at).Seconds()
		out.LastTickSecondsAgo = &ago
	}
	if s.now().Sub(since) > allowed {
		out.Status = "the loop does not tick"
		answer(w, http.StatusServiceUnavailable, out)
		return
	}
	out.Status = "ok"
	answer(w, http.StatusOK, out)
}

// readyz tells whether a judgement was made.
func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	if !s.ready() {
		answer(w, http.StatusServiceUnavailable, health{Status: "no judgement yet"})
		return
	}
	answer(w, http.StatusOK, health{Status: "ready"})
}

func (s *Server) report(w http.ResponseWriter, _ *http.Request) {
	p := s.current.Load()
	if p == nil || p.Report == nil {
		fail(w, http.StatusServiceUnavailable, "no judgement yet")
		return
	}
	format, err := report.ParseFormat("json")
	if err != nil {
		fail(w, http.StatusInternalServerError, err.Error())
		return
	}
	var b bytes.Buffer
	if err := format.Render(&b, p.Report, report.Options{}); err != nil {
		fail(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	w.Write(b.Bytes()) //nolint:errcheck // a client that left has nobody to tell
}

// findingsAnswer is what is wrong now, or may be.
type findingsAnswer struct {
	Schema    string              `json:"schema"`
	At        time.Time           `json:"at"`
	Incidents []incident.Incident `json:"incidents"`
}

func (s *Server) findings(w http.ResponseWriter, r *http.Request) {
	want := incident.State(r.URL.Query().Get("state"))
	if want != "" && want != incident.Open && want != incident.Pending {
		fail(w, http.StatusBadRequest, fmt.Sprintf("state: %q is neither open nor pending", want))
		return
	}
	p := s.current.Load()
	if p == nil {
		fail(w, http.StatusServiceUnavailable, "no judgement yet")
		return
	}
	out := findingsAnswer{Schema: findingsSchema, At: p.LastTick, Incidents: []incident.Incident{}}
	for _, i := range current(p.Incidents) {
		if want == "" || i.State == want {
			out.Incidents = append(out.Incidents, i)
		}
	}
	answer(w, http.StatusOK, out)
}

// historyAnswer is what was wrong over a span of time.
type historyAnswer struct {
	Schema    string              `json:"schema"`
	Since     time.Time           `json:"since"`
	Until     time.Time           `json:"until"`
	Incidents []incident.Incident `json:"incidents"`
}

func (s *Server) incidents(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	since, until, err := s.span(q, "7d")
	if err == nil && s.history == nil {
		fail(w, http.StatusServiceUnavailable, "no history is kept")
		return
	}
	limit, err2 := whole(q, "limit", incidentsUsual, incidentsMost)
	if err = first(err, err2); err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	found, err := s.history.Incidents(since, until, limit)
	if err != nil {
		fail(w, http.StatusInternalServerError, err.Error())
		return
	}
	if found == nil {
		found = []incident.Incident{}
	}
	answer(w, http.StatusOK, historyAnswer{historySchema, since, until, found})
}

// seriesAnswer is some series over a span of time.
type seriesAnswer struct {
	Schema string        `json:"schema"`
	Since  time.Time     `json:"since"`
	Until  time.Time     `json:"until"`
	Series []namedSeries `json:"series"`
	// Names lists what there is, where no name was asked for.
	Names []string `json:"names,omitempty"`
}

type namedSeries struct {
	Name    string   `json:"name"`
	Samples []Sample `json:"samples"`
}

func (s *Server) series(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	since, until, err := s.span(q, "1h")
	points, err2 := whole(q, "points", pointsUsual, pointsMost)
	err = first(err, err2)
	if err == nil && len(q["name"]) > seriesMost {
		err = fmt.Errorf("name: given %d times, at most %d are answered at once", len(q["name"]), seriesMost)
	}
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	if s.history == nil {
		fail(w, http.StatusServiceUnavailable, "no history is kept")
		return
	}
	out := seriesAnswer{Schema: seriesSchema, Since: since, Until: until, Series: []namedSeries{}}
	for _, name := range q["name"] {
		samples, err := s.history.Series(name, since, until, points)
		if err != nil {
			fail(w, http.StatusInternalServerError, err.Error())
			return
		}
		if samples == nil {
			samples = []Sample{}
		}
		out.Series = append(out.Series, namedSeries{name, samples})
	}
	if len(q["name"]) == 0 {
		if out.Names, err = s.history.SeriesNames(); err != nil {
			fail(w, http.StatusInternalServerError, err.Error())
			return
		}
	}
	answer(w, http.StatusOK, out)
}

// span reads since and until: a time as in RFC 3339, or how long ago.
func (s *Server) span(q url.Values, usual string) (since, until time.Time, err error) {
	now := s.now()
	if since, err = moment(q, "since", usual, now); err != nil {
		return since, until, err
	}
	if until, err = moment(q, "until", "0s", now); err != nil {
		return since, until, err
	}
	if until.Before(since) {
		return since, until, fmt.Errorf("until: %s is before since", until.Format(time.RFC3339))
	}
	return since, until, nil
}

func moment(q url.Values, name, usual string, now time.Time) (time.Time, error) {
	text := q.Get(name)
	if text == "" {
		text = usual
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	ago, err := duration(text)
	if err != nil || ago < 0 {
		return now, fmt.Errorf("%s: %q is neither a time as 2006-01-02T15:04:05Z nor how long ago, as 7d or 12h", name, text)
	}
	return now.Add(-ago), nil
}

// duration reads a duration that may be in days or weeks.
func duration(text string) (time.Duration, error) {
	for suffix, unit := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if n, ok := strings.CutSuffix(text, suffix); ok {
			const most = 36500 // a century
			v, err := strconv.ParseFloat(n, 64)
			if err != nil || !(v >= 0 && v <= most) {
				return 0, fmt.Errorf("%q is no duration", text)
			}
			return time.Duration(v * float64(unit)), nil
		}
	}
	return time.ParseDuration(text)
}

// whole reads a positive whole number.
func whole(q url.Values, name string, usual, most int) (int, error) {
	text := q.Get(name)
	if text == "" {
		return usual, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, fmt.Errorf("%s: %q is no number from 1 to %d", name, text, most)
	}
	return n, nil
}

// first returns the first error there is.
func first(all ...error) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}
