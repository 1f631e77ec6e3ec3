package model

import (
	"slices"
	"testing"

	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// What the model reads must be among what a snapshot holds.
func TestModelledSettingsAreCollected(t *testing.T) {
	t.Parallel()
	netns, host := sysctl.Relevant()
	collected := append(netns, host...)
	for _, key := range SettingKeys() {
		spec, known := sysctl.Lookup(sysctl.Key(key))
		if !known {
			t.Errorf("%s is not in the catalogue", key)
			continue
		}
		gone := spec.Exists(sysctl.Release{Major: 6, Minor: 18}) == sysctl.No
		if !gone && !slices.ContainsFunc(collected, func(k sysctl.Key) bool { return k == spec.Key || k == spec.Key.Pattern() }) {
			t.Errorf("%s is modelled but not relevant, so no snapshot holds it", key)
		}
	}
}
