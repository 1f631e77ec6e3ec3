package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/spf13/viper"

	"github.com/tcpdoctor/tcpdoctor/rules"
)

// configFile is where settings are read from unless told otherwise; it may be
// missing. The folder conf.d beside it holds more of them.
const configFile = "/etc/tcpdoctor/tcpdoctor.yaml"

// settings are the defaults that files and the environment may give.
type settings struct {
	Window      string `mapstructure:"window"`
	Netns       string `mapstructure:"netns"`
	Output      string `mapstructure:"output"`
	MinSeverity string `mapstructure:"min-severity"`
	Deadline    string `mapstructure:"deadline"`
	StateDir    string `mapstructure:"state-dir"`
	Root        string `mapstructure:"root"`
	// Thresholds are the figures at which rules speak, by rule and name.
	Thresholds map[string]map[string]float64 `mapstructure:"thresholds"`
}

// settingKeys lists what may be set, as it is spelled in files.
func settingKeys() []string {
	keys := []string{"window", "netns", "output", "min-severity", "deadline", "state-dir", "root"}
	for _, r := range rules.All() {
		for _, t := range r.Thresholds {
			keys = append(keys, "thresholds."+r.ID+"."+t.Name)
		}
	}
	slices.Sort(keys)
	return keys
}

// loadSettings reads files, then the environment; what the later one sets wins.
// A flag that was given wins over both, see [settings.apply].
func loadSettings(path string) (settings, error) {
	v := viper.New()
	v.SetEnvPrefix("tcpdoctor")
	v.SetEnvKeyReplacer(strings.NewReplacer(".", "_", "-", "_"))
	keys := settingKeys()
	for _, k := range keys {
		if err := v.BindEnv(k); err != nil {
			return settings{}, err
		}
	}
	files, err := configFiles(path)
	if err != nil {
		return settings{}, err
	}
	for _, f := range files {
		if err := mergeFile(v, f, keys); err != nil {
			return settings{}, err
		}
	}
	var s settings
	if err := v.Unmarshal(&s); err != nil {
		return settings{}, fmt.Errorf("settings: %w", err)
	}
	return s, nil
}

// configFiles lists the files to read, in order: the later wins.
func configFiles(path string) ([]string, error) {
	wanted := path != ""
	if !wanted {
		path = configFile
	}
	var files []string
	switch _, err := os.Stat(path); {
	case err == nil:
		files = append(files, path)
	case wanted || !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("settings: %w", err)
	}
	more, err := filepath.Glob(filepath.Join(filepath.Dir(path), "conf.d", "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	slices.Sort(more)
	return append(files, more...), nil
}

func mergeFile(v *viper.Viper, path string, keys []string) error {
	v.SetConfigFile(path)
	if err := v.MergeInConfig(); err != nil {
		return fmt.Errorf("settings: %s: %w", path, err)
	}
	for _, k := range v.AllKeys() {
		if !slices.Contains(keys, k) {
			return fmt.Errorf("settings: %s: no setting %q%s", path, k, suggestion(k, keys))
		}
	}
	return nil
}

// apply gives the flags of a command the values that were set, except those
// that were given on the command line.
func (s settings) apply(cmd *cobra.Command) error {
	values := map[string]string{
		"window": s.Window, "netns": s.Netns, "output": s.Output, "min-severity": s.MinSeverity, "deadline": s.Deadline,
		"state-dir": s.StateDir, "root": s.Root,
	}
	var err error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if value := values[f.Name]; value != "" && !f.Changed && err == nil {
			if wrong := f.Value.Set(value); wrong != nil {
				err = fmt.Errorf("settings: %s: %w", f.Name, wrong)
			}
		}
	})
	return err
}

// thresholds returns the overrides as rules take them.
func (s settings) thresholds() map[string]float64 {
	out := make(map[string]float64)
	for rule, names := range s.Thresholds {
		for name, value := range names {
			out[rule+"."+name] = value
		}
	}
	return out
}
