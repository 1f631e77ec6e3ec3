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

	"github.com/tcpdoctor/tcpdoctor/internal/notify"
)

// configFile is where settings are read from unless told otherwise; it may be
// missing. The folder conf.d beside it holds more of them.
const configFile = "/etc/tcpdoctor/tcpdoctor.yaml"

// settings are what files and the environment may set: the defaults of flags,
// the thresholds of rules, and everything about the agent.
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

	Agent     agentSettings `mapstructure:"agent"`
	Alerts    alertSettings `mapstructure:"alerts"`
	Receivers notify.Config `mapstructure:"receivers"`
}

// defaultSettings are those where nothing was set. Flags have their own.
func defaultSettings() settings {
	return settings{Agent: defaultAgentSettings(), Alerts: defaultAlertSettings()}
}

// settingsError is everything that is wrong with the settings.
type settingsError []string

// Error names all problems.
func (e settingsError) Error() string { return "settings: " + strings.Join(e, "; ") }

// loadSettings reads files, then the environment; what the later one sets wins.
// A flag that was given wins over both, see [settings.apply]. The error is a
// [settingsError] that holds everything that is wrong.
func loadSettings(path string) (settings, error) {
	files, err := configFiles(path)
	if err != nil {
		return settings{}, settingsError{err.Error()}
	}
	known := settingKeys()
	v := viper.New()
	var wrong settingsError
	for _, f := range files {
		values, problems := readConfig(f, known)
		wrong = append(wrong, problems...)
		if err := v.MergeConfigMap(values); err != nil {
			wrong = append(wrong, f+": "+err.Error())
		}
	}
	v.SetEnvPrefix("tcpdoctor")
	v.SetEnvKeyReplacer(strings.NewReplacer(".", "_", "-", "_"))
	for _, k := range known {
		if strings.Contains(k, "[]") {
			continue // lists of several settings are for files
		}
		if err := v.BindEnv(k); err != nil {
			return settings{}, err
		}
	}
	if len(wrong) > 0 {
		return settings{}, wrong
	}
	s, problems := decodeSettings(v.AllSettings())
	if len(problems) > 0 {
		return settings{}, settingsError(problems)
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
		return nil, err
	}
	more, err := filepath.Glob(filepath.Join(filepath.Dir(path), "conf.d", "*.yaml"))
	if err != nil {
		return nil, err
	}
	slices.Sort(more)
	return append(files, more...), nil
}

// readConfig reads one file and returns what it sets, and all that is wrong with
// it, each with the name of the file.
func readConfig(path string, known []string) (map[string]any, settingsError) {
	v := viper.New()
	v.SetConfigFile(path)
	v.SetConfigType("yaml") // whatever a tool calls the file that it wants checked
	if err := v.ReadInConfig(); err != nil {
		return nil, settingsError{path + ": " + err.Error()}
	}
	values := v.AllSettings()
	var wrong settingsError
	for _, k := range unknownKeys(values, known) {
		wrong = append(wrong, fmt.Sprintf("%s: no setting %q%s", path, k, suggestion(k, known)))
	}
	_, problems := decodeSettings(values)
	for _, p := range problems {
		wrong = append(wrong, path+": "+p)
	}
	return values, wrong
}

// apply gives the flags of a command the values that were set, except those
// that were given on the command line.
func (s settings) apply(cmd *cobra.Command) error {
	values := map[string]string{
		"window": s.Window, "netns": s.Netns, "output": s.Output, "min-severity": s.MinSeverity, "deadline": s.Deadline,
		"state-dir": s.StateDir, "root": s.Root,
	}
	var wrong settingsError
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if value := values[f.Name]; value != "" && !f.Changed {
			if err := f.Value.Set(value); err != nil {
				wrong = append(wrong, f.Name+": "+err.Error())
			}
		}
	})
	if len(wrong) > 0 {
		return wrong
	}
	return nil
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
