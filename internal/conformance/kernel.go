package conformance

import (
	"errors"
	"io/fs"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/internal/netns"
	"github.com/tcpdoctor/tcpdoctor/model"
)

// probe finds out which dialect the running kernel speaks, by what a fresh
// namespace has and lacks.
func probe() (model.Dialect, error) {
	release, build, err := kernelRelease()
	if err != nil {
		return model.Dialect{}, err
	}
	ns, err := netns.New()
	if err != nil {
		return model.Dialect{}, err
	}
	defer func() { _ = ns.Close() }()
	p := model.Probe{Release: release, Build: build, Sysctls: map[string]bool{}, Counters: map[string]bool{}}
	for _, key := range model.SettingKeys() {
		_, err := lab.Sysctl(ns, key)
		switch {
		case err == nil:
			p.Sysctls[key] = true
		case errors.Is(err, fs.ErrNotExist):
			p.Sysctls[key] = false
		}
	}
	counters, err := lab.ReadCounters(ns)
	if err != nil {
		return model.Dialect{}, err
	}
	for _, c := range tableCounters() {
		_, p.Counters[string(c)] = counters[string(c)]
	}
	return model.NewDialect(p), nil
}
