package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/internal/fix"
	"github.com/tcpdoctor/tcpdoctor/internal/netns"
	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// fixRecordPath is where a change that is not proven yet is remembered.
func fixRecordPath(stateDir, id string) (string, error) {
	if id == "" || strings.Trim(id, "0123456789abcdef") != "" {
		return "", fmt.Errorf("%q is not the ID of a change", id)
	}
	return filepath.Join(stateDir, "fixes", id+".json"), nil
}

// writeFixRecord remembers a change. The file is there as a whole or not at all.
func writeFixRecord(stateDir string, r fix.Record) error {
	path, err := fixRecordPath(stateDir, r.ChangeID)
	if err != nil {
		return err
	}
	b, err := r.Encode()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".*.tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("remember change %s: %w", r.ChangeID, err), os.Remove(f.Name()))
	}
	return nil
}

// readFixRecord reads what is remembered of a change.
func readFixRecord(stateDir, id string) (fix.Record, error) {
	path, err := fixRecordPath(stateDir, id)
	if err != nil {
		return fix.Record{}, err
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fix.Record{}, fmt.Errorf("change %s does not wait for a measurement", id)
	}
	if err != nil {
		return fix.Record{}, err
	}
	return fix.DecodeRecord(b)
}

// removeFixRecord forgets a change that is settled.
func removeFixRecord(stateDir, id string) error {
	path, err := fixRecordPath(stateDir, id)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// inForce says whether a change holds.
func inForce(e sysctl.Entry) bool {
	return e.Phase == sysctl.PhasePending || e.Phase == sysctl.PhaseApplied
}

// namespaceOfChange opens the namespace that a change was made in.
func namespaceOfChange(id sysctl.Identity) (*netns.Handle, error) {
	tree, err := sysctl.OpenDir("")
	if err != nil {
		return nil, err
	}
	defer tree.Close()
	handles, errs := netns.All()
	var found *netns.Handle
	for _, h := range handles {
		if found == nil && (id.Initial || h.ID().Cookie == id.Cookie) {
			t, err := sysctl.NewTarget(sysctl.TargetOptions{Tree: tree, Namespace: h})
			if err == nil && id.Is(t.Identity()) == nil {
				found = h
				continue
			}
		}
		_ = h.Close()
	}
	if found == nil {
		return nil, errors.Join(append([]error{errors.New("its network namespace is not to be found")}, errs...)...)
	}
	return found, nil
}

// firstPID is a process of a namespace, as a name for it.
func firstPID(h *netns.Handle) string {
	if pids := h.PIDs(); len(pids) > 0 {
		return "process " + strconv.Itoa(pids[0])
	}
	return "the change"
}

// resumedTry is an attempt of an earlier run, as far as it had come.
func resumedTry(s *applySite, r fix.Record, e sysctl.Entry) *fixTry {
	shown := e.Redacted()
	p := &applyPlan{request: applyRequest{title: e.Title}}
	for _, row := range shown.Rows {
		if row.SideEffect {
			continue
		}
		p.rows = append(p.rows, applyRow{
			Key: row.Key, Runtime: strings.Join(strings.Fields(row.Before), " "), Desired: row.After, Source: row.Reason, Action: actionChange,
		})
	}
	t := &fixTry{attempt: r.Attempt, plan: p, result: s.result(p)}
	t.result.ChangeID, t.result.Phase, t.result.Deadline = e.ID, e.Phase, e.Deadline
	t.result.Changed = true
	return t
}
