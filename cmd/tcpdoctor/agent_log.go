package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/tcpdoctor/tcpdoctor/profiles"
)

// logger makes the log of the agent.
func (l logSettings) logger(w io.Writer) *slog.Logger {
	level, err := parseLevel(l.Level)
	if err != nil {
		level = slog.LevelInfo // what is wrong with it was told before
	}
	how := &slog.HandlerOptions{Level: level}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, how))
	}
	if os.Getenv("JOURNAL_STREAM") != "" {
		how.ReplaceAttr = withoutTime // the journal has it already
	}
	return slog.New(slog.NewTextHandler(w, how))
}

func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// parseLevel reads how much is logged.
func parseLevel(s string) (slog.Level, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(s)); err != nil {
		return 0, fmt.Errorf("no level %q (there are: debug, info, warn, error)", s)
	}
	return l, nil
}

// knownProfile makes sure that there is a profile of this name.
func knownProfile(name string) error {
	set, err := profiles.Load(profiles.UserDir)
	if err != nil {
		return err
	}
	_, err = set.Get(name)
	return err
}
