package history

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	recordingEnd   = ".rec"
	earlierMark    = ".before-"
	temporaryBegin = ".recording-"
	temporaryEnd   = ".tmp"
	// stemMost bounds the name of a recording.
	stemMost = 100
)

// Recording is what the flight recorder wrote about one incident.
type Recording struct {
	// Name is that of the file within its folder; it holds the window in which
	// the incident opened.
	Name string `json:"name"`
	// At is when that window began.
	At time.Time `json:"at"`
	// Earlier are the windows before it, the latest first.
	Earlier []EarlierWindow `json:"earlier,omitempty"`
	// Bytes is what all of them take.
	Bytes int64 `json:"bytes"`
}

// EarlierWindow is a window from before an incident opened.
type EarlierWindow struct {
	Name string    `json:"name"`
	At   time.Time `json:"at"`
}

// plainName matches names that are safe in every folder.
var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)

// fileName is the name for the recording of an incident. Whatever a UID holds,
// it is the name of one file in one folder, and no two UIDs have the same.
func fileName(uid string) string {
	if plainName.MatchString(uid) && len(uid) <= stemMost {
		return uid
	}
	sum := sha256.Sum256([]byte(uid))
	return "incident-" + hex.EncodeToString(sum[:8])
}

// earlierName is the name of an earlier window.
func earlierName(stem string, n int) string {
	return stem + earlierMark + strconv.Itoa(n) + recordingEnd
}

// Recordings lists the recordings in a folder, the latest first. Without the
// folder there are none.
func Recordings(dir string) ([]Recording, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, wrap(err)
	}
	by := make(map[string]*Recording)
	at := func(stem string) *Recording {
		if by[stem] == nil {
			by[stem] = &Recording{Name: stem + recordingEnd}
		}
		return by[stem]
	}
	numbers := make(map[string]int)
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), recordingEnd)
		if !ok || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // it was removed meanwhile
		}
		stem, number, earlier := strings.Cut(name, earlierMark)
		if !plainName.MatchString(stem) {
			continue // not one of ours
		}
		r := at(stem)
		r.Bytes += info.Size()
		if !earlier {
			r.At = info.ModTime()
			continue
		}
		numbers[e.Name()], _ = strconv.Atoi(number) // 0 sorts it first
		r.Earlier = append(r.Earlier, EarlierWindow{Name: e.Name(), At: info.ModTime()})
	}
	var all []Recording
	for _, r := range by {
		slices.SortFunc(r.Earlier, func(a, b EarlierWindow) int { return cmp.Compare(numbers[a.Name], numbers[b.Name]) })
		all = append(all, *r)
	}
	slices.SortFunc(all, func(a, b Recording) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Name, b.Name)) })
	return all, nil
}

// byAge puts recordings in the order in which they are to go: those of a future
// that the clock was set back from, then the oldest.
func byAge(all []Recording, now time.Time) []Recording {
	future := func(r Recording) int {
		if r.At.Sub(now) > jumpLeast {
			return 0
		}
		return 1
	}
	out := slices.Clone(all)
	slices.SortFunc(out, func(a, b Recording) int {
		return cmp.Or(cmp.Compare(future(a), future(b)), a.At.Compare(b.At), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// remove deletes a recording, the window itself last.
func (r *Recording) remove(dir string) error {
	if err := r.removeEarlier(dir, 0); err != nil {
		return err
	}
	return removeIfThere(filepath.Join(dir, r.Name))
}

// removeEarlier deletes all but the first earlier windows.
func (r *Recording) removeEarlier(dir string, keep int) error {
	for _, e := range r.Earlier[min(keep, len(r.Earlier)):] {
		if err := removeIfThere(filepath.Join(dir, e.Name)); err != nil {
			return err
		}
	}
	return nil
}

// removeUnfinished deletes what a process left that was ended while it wrote.
func removeUnfinished(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), temporaryBegin) && strings.HasSuffix(e.Name(), temporaryEnd) {
			err = errors.Join(err, removeIfThere(filepath.Join(dir, e.Name())))
		}
	}
	return err
}
