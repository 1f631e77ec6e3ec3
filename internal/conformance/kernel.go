package conformance

import (
	"context"
	"errors"
	"io/fs"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/internal/netns"
	"github.com/tcpdoctor/tcpdoctor/model"
)

// probe finds out which dialect the running kernel speaks, by what a fresh
// namespace has and lacks, and whether it has IPv6.
func probe() (d model.Dialect, ipv6 bool, err error) {
	release, build, err := kernelRelease()
	if err != nil {
		return d, false, err
	}
	ns, err := netns.New()
	if err != nil {
		return d, false, err
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
		return d, false, err
	}
	for _, c := range tableCounters() {
		_, p.Counters[string(c)] = counters[string(c)]
	}
	_, err = lab.Sysctl(ns, "net.ipv6.conf.all.disable_ipv6")
	return model.NewDialect(p), err == nil, nil
}

// probeSynQueue finds out by trying whether a half-open queue holds one entry more
// than the backlog, which can be read nowhere and is unknown for this release.
func probeSynQueue(ctx context.Context, d model.Dialect) (model.Dialect, error) {
	const backlog, callers = 4, 8
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c, err := newCase(ctx, d, Scenario{Subject: "syn-queue", Name: "probe"}, Variant{}, lab.IPv4, cancel)
	if err != nil {
		return d, err
	}
	c.Server.Set(model.KeySyncookies, 1)
	port := c.Port()
	c.Server.Listen(port, backlog)
	c.begin(ctx, port, 0, callers)
	d.SynQueueExtra = c.Server.Count(ctx, port, facts.SynRecv) - backlog
	d.SynQueueExtraCertain = true
	return d, errors.Join(c.err, c.close())
}
