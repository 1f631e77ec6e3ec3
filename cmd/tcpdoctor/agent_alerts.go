package main

import (
	"strings"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// alertSettings are the settings below "alerts": when an incident opens, is told
// of, and ends. See [incident.Config].
type alertSettings struct {
	alertTimes      `mapstructure:",squash"`
	DeescalateAfter time.Duration `mapstructure:"deescalate-after"`
	NamespaceGrace  time.Duration `mapstructure:"namespace-grace"`
	StaleAfter      time.Duration `mapstructure:"stale-after"`
	MaxIncidents    int           `mapstructure:"max-incidents"`
	Flap            flapSettings  `mapstructure:"flap"`
	// Rules overrides some of it for one rule.
	Rules map[string]alertTimes `mapstructure:"rules"`
}

// alertTimes may be set for all rules and for each. A nil field is not set.
type alertTimes struct {
	For          *time.Duration `mapstructure:"for"`
	ForCritical  *time.Duration `mapstructure:"for-critical"`
	ResolveAfter *time.Duration `mapstructure:"resolve-after"`
	Repeat       *time.Duration `mapstructure:"repeat"`
	MinSeverity  *string        `mapstructure:"min-severity"`
}

type flapSettings struct {
	Interval time.Duration `mapstructure:"interval"`
	Times    int           `mapstructure:"times"`
	Longest  time.Duration `mapstructure:"longest"`
}

// defaultAlertSettings are those of [incident.Defaults].
func defaultAlertSettings() alertSettings {
	d := incident.Defaults()
	least := string(d.MinSeverity)
	return alertSettings{
		alertTimes: alertTimes{
			For: &d.For, ForCritical: &d.ForCritical, ResolveAfter: &d.ResolveAfter, Repeat: &d.Repeat, MinSeverity: &least,
		},
		DeescalateAfter: d.DeescalateAfter, NamespaceGrace: d.NamespaceGrace, StaleAfter: d.StaleAfter, MaxIncidents: d.MaxIncidents,
		Flap: flapSettings(d.Flap),
	}
}

// config is the settings as incidents take them.
func (a *alertSettings) config() incident.Config {
	c := incident.Config{
		For: *a.For, ForCritical: *a.ForCritical, ResolveAfter: *a.ResolveAfter, Repeat: *a.Repeat,
		MinSeverity: rules.Severity(*a.MinSeverity), DeescalateAfter: a.DeescalateAfter, NamespaceGrace: a.NamespaceGrace,
		StaleAfter: a.StaleAfter, MaxIncidents: a.MaxIncidents, Flap: incident.Flap(a.Flap),
	}
	if len(a.Rules) > 0 {
		c.Rules = make(map[string]incident.Override, len(a.Rules))
	}
	for id, t := range a.Rules {
		o := incident.Override{For: t.For, ForCritical: t.ForCritical, ResolveAfter: t.ResolveAfter, Repeat: t.Repeat}
		if t.MinSeverity != nil {
			least := rules.Severity(*t.MinSeverity)
			o.MinSeverity = &least
		}
		c.Rules[id] = o
	}
	return c
}

// problems lists everything that is wrong, each with its key.
func (a *alertSettings) problems() []string {
	var ids, wrong []string
	for _, r := range rules.All() {
		ids = append(ids, r.ID)
	}
	for _, err := range a.config().Validate(ids) {
		wrong = append(wrong, "alerts."+strings.TrimPrefix(err.Error(), "incident: "))
	}
	return wrong
}
