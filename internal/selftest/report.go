package selftest

// Report is what came of the faults, in the order of the lab. It may be written
// as JSON.
type Report struct {
	// Kernel is the running release, as `uname -r` gives it; "" where no fault
	// stood.
	Kernel string `json:"kernel,omitempty"`
	// WallSeconds is how long all of it took.
	WallSeconds float64 `json:"wall_seconds"`
	// Expected is how many of Total, the faults that were made or should have
	// been, came out as expected. Those skipped count in neither.
	Expected int `json:"as_expected"`
	Total    int `json:"total"`
	// Rows has one for each fault and family.
	Rows []Row `json:"rows"`
}

// Row is what came of one fault.
type Row struct {
	// Name and Title are the lab's, and Family the version of IP: "ipv4".
	Name     string `json:"name"`
	Title    string `json:"title"`
	Family   string `json:"family"`
	Harmless bool   `json:"harmless"`
	// WantID and WantCause are what must be found; absent for a look-alike.
	WantID    string `json:"want_id,omitempty"`
	WantCause string `json:"want_cause,omitempty"`
	// Found tells that it was found, Culprit that the right process, port and
	// namespace were named, and Cause which cause.
	Found   bool   `json:"found"`
	Culprit bool   `json:"culprit"`
	Cause   string `json:"cause,omitempty"`
	// AsExpected tells that all was as it must be; of a look-alike, that
	// nothing was found.
	AsExpected bool `json:"as_expected"`
	// Problems say what was not.
	Problems []string `json:"problems,omitempty"`
	// Skipped is why the fault cannot be made on this kernel; "" where it was.
	Skipped string `json:"skipped,omitempty"`
	// Seconds is how long it took to make and to diagnose.
	Seconds float64 `json:"seconds"`
}

// Agrees reports whether everything that was made came out as expected.
func (r Report) Agrees() bool { return r.Expected == r.Total }

// Skipped counts the faults that this kernel cannot make.
func (r Report) Skipped() int { return len(r.Rows) - r.Total }

// count fills in the sums.
func (r *Report) count() {
	r.Expected, r.Total = 0, 0
	for _, row := range r.Rows {
		if row.Skipped != "" {
			continue
		}
		r.Total++
		if row.AsExpected {
			r.Expected++
		}
	}
}
