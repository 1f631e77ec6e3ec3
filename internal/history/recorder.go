package history

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// RecordingFolder is the name of the folder of recordings within the state
// folder.
const RecordingFolder = "recordings"

// RecorderOptions bound a recorder. The zero value is what the agent does unless
// told otherwise.
type RecorderOptions struct {
	// Windows is how many earlier windows are kept in memory; 0 means 6, a
	// negative value none.
	Windows int
	// MemoryBytes bounds what they take there; 0 means 8 MiB.
	MemoryBytes int64
	// Every is the least time between two of them; 0 means a minute.
	Every time.Duration
	// Files is how many recordings are kept on disk, each with its earlier
	// windows; 0 means 50.
	Files int
	// DiskBytes bounds what they take there; 0 means 64 MiB.
	DiskBytes int64
}

func (o RecorderOptions) withDefaults() RecorderOptions {
	if o.Windows == 0 {
		o.Windows = 6
	}
	if o.MemoryBytes <= 0 {
		o.MemoryBytes = 8 * megabyte
	}
	if o.Every <= 0 {
		o.Every = time.Minute
	}
	if o.Files <= 0 {
		o.Files = 50
	}
	if o.DiskBytes <= 0 {
		o.DiskBytes = 64 * megabyte
	}
	return o
}

// Recorder is the flight recorder: it keeps the last window, and one a minute of
// those before, and writes them down when something is found, because evidence
// that passes is gone when somebody looks.
//
// A recording is a file that `tcpdoctor diagnose --from` reads: the window in
// which the incident opened. The windows before it lie beside it, see
// [Recording]. Recording files appear as a whole or not at all, are readable to
// their owner alone, and the oldest go when there are too many.
type Recorder struct {
	dir string
	o   RecorderOptions

	mu      sync.Mutex
	now     *facts.Window // the last window
	earlier []encoded     // the oldest first
	saved   string        // the recording of the last window, once there is one
}

// encoded is a window as it is written.
type encoded struct {
	started time.Time
	b       []byte
}

// NewRecorder makes a recorder that writes into a folder, which is made when it
// is needed.
func NewRecorder(dir string, o RecorderOptions) *Recorder {
	return &Recorder{dir: dir, o: o.withDefaults()}
}

// Add takes in a window. The recorder keeps it: nobody may change it from now on.
// The one before becomes an earlier one, if it is a minute from the last of
// those. Only that costs time, to encode it; on an error it is forgotten.
func (r *Recorder) Add(w facts.Window) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.now
	r.now, r.saved = &w, ""
	if before == nil || r.o.Windows < 0 || !r.due(before.Started, w.Started) {
		return nil
	}
	b, err := encode(before, r.o.MemoryBytes)
	if err != nil {
		return err
	}
	r.earlier = append(r.earlier, encoded{started: before.Started, b: b})
	var total int64
	for i, e := range slices.Backward(r.earlier) {
		total += int64(len(e.b))
		if len(r.earlier)-i > r.o.Windows || total > r.o.MemoryBytes {
			r.earlier = slices.Clone(r.earlier[i+1:]) // so that what goes is freed
			break
		}
	}
	return nil
}

// due tells whether a window is to be kept beside the one that comes next. Where
// the clock jumped it is.
func (r *Recorder) due(t, next time.Time) bool {
	if len(r.earlier) == 0 {
		return true
	}
	last := r.earlier[len(r.earlier)-1].started
	return t.Before(last) || t.Sub(last) >= r.o.Every || next.Before(t)
}

// encode is a window as a recording, if it is not too large.
func encode(w *facts.Window, most int64) ([]byte, error) {
	var b limited
	b.most = most
	if err := facts.Encode(&b, *w); err != nil {
		return nil, fmt.Errorf("history: record: %w", err)
	}
	return b.Bytes(), nil
}

// limited is a buffer that takes no more than so much.
type limited struct {
	bytes.Buffer
	most int64
}

// Write implements [io.Writer].
func (l *limited) Write(b []byte) (int, error) {
	if int64(l.Len()+len(b)) > l.most {
		return 0, fmt.Errorf("the window takes more than %d bytes", l.most)
	}
	return l.Buffer.Write(b)
}

// errNoWindow says that there is nothing to record.
var errNoWindow = errors.New("history: record: there was no window yet")

// Write writes the last window and the earlier ones under the name of an
// incident, and returns what the recording is called. Incidents that open in the
// same window share one recording. Should there be no room for all of it, the
// last window comes first; an error harms neither the recorder nor what is there.
func (r *Recorder) Write(uid string) (name string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.now == nil:
		return "", errNoWindow
	case r.saved != "":
		return r.saved, nil
	}
	b, err := encode(r.now, r.o.DiskBytes)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return "", fmt.Errorf("history: record: %w", err)
	}
	stem := fileName(uid)
	at := r.now.Started
	if err := r.makeRoom(stem, int64(len(b)), at); err != nil {
		return "", fmt.Errorf("history: record: %w", err)
	}
	if err := r.file(stem+recordingEnd, b, at); err != nil {
		return "", fmt.Errorf("history: record: %w", err)
	}
	r.saved = stem + recordingEnd
	if err := r.writeEarlier(stem, r.o.DiskBytes-int64(len(b)), at); err != nil {
		return r.saved, fmt.Errorf("history: record: %w", err)
	}
	return r.saved, nil
}

// writeEarlier writes the earlier windows beside a recording, as far as there is
// room, and removes those of another recording of that name.
func (r *Recorder) writeEarlier(stem string, room int64, now time.Time) error {
	written := 0
	for i := range r.earlier { // the latest first
		e := r.earlier[len(r.earlier)-1-i]
		if room -= int64(len(e.b)); room < 0 {
			break
		}
		if err := r.makeRoom(stem, r.o.DiskBytes-room, now); err != nil {
			return err
		}
		written++
		if err := r.file(earlierName(stem, written), e.b, e.started); err != nil {
			return err
		}
	}
	all, err := Recordings(r.dir)
	for _, rec := range all {
		if rec.Name == stem+recordingEnd && err == nil {
			err = rec.removeEarlier(r.dir, written)
		}
	}
	return err
}

// file writes a file that is there as a whole or not at all. Its time is that of
// the window.
func (r *Recorder) file(name string, b []byte, at time.Time) error {
	f, err := os.CreateTemp(r.dir, temporaryBegin+"*"+temporaryEnd)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Chtimes(f.Name(), at, at)
	}
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(r.dir, name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// makeRoom removes recordings until there is room for one more of so many bytes,
// and what an earlier process left unfinished.
func (r *Recorder) makeRoom(stem string, size int64, now time.Time) error {
	if err := removeUnfinished(r.dir); err != nil {
		return err
	}
	all, err := Recordings(r.dir)
	if err != nil {
		return err
	}
	all = byAge(all, now)
	var total int64
	count := 1
	for _, rec := range all {
		if rec.Name == stem+recordingEnd {
			continue // it is counted in size already, or is being replaced
		}
		count++
		total += rec.Bytes
	}
	for _, rec := range all {
		if count <= r.o.Files && total+size <= r.o.DiskBytes {
			return nil
		}
		if rec.Name == stem+recordingEnd {
			continue
		}
		if err := rec.remove(r.dir); err != nil {
			return err
		}
		count--
		total -= rec.Bytes
	}
	return nil
}
