package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tcpdoctor/tcpdoctor/profiles"
)

// givenProfiles are what a command about profiles is given besides names.
type givenProfiles struct {
	// files hold a profile each; "-" is standard input.
	files []string
	// set are values in place of what the profiles want: "net.core.somaxconn=8192".
	set []string
}

// declareFiles declares the flag about profiles in files.
func (g *givenProfiles) declareFiles(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&g.files, "file", nil, "also the profile in this `FILE`, whatever else has its name; - reads standard input")
}

// declareGiven declares all the flags.
func (g *givenProfiles) declareGiven(cmd *cobra.Command) {
	g.declareFiles(cmd)
	cmd.Flags().StringArrayVar(&g.set, "set", nil, "a value in place of what the profiles want, as `KEY=VALUE`; may be given again")
}

// read reads the files.
func (g *givenProfiles) read(in io.Reader) ([]profiles.Profile, error) {
	var out []profiles.Profile
	var errs []error
	for i, path := range g.files {
		name := path
		var text []byte
		var err error
		switch {
		case path != "-":
			text, err = os.ReadFile(path)
		case slices.Contains(g.files[:i], "-"):
			err = errors.New("--file -: standard input can be read once")
		default:
			name = "standard input"
			text, err = io.ReadAll(in)
		}
		if err != nil {
			return nil, err
		}
		p, err := profiles.Parse(name, text)
		errs = append(errs, err)
		out = append(out, p)
	}
	return out, errors.Join(errs...)
}

// override puts the values given in place of what the profiles want.
func (g *givenProfiles) override(ps []profiles.Profile) ([]profiles.Profile, error) {
	var overrides []profiles.Entry
	var errs []error
	for _, text := range g.set {
		e, err := profiles.ParseOverride(text)
		if err != nil {
			err = fmt.Errorf("--set %s", strings.TrimPrefix(message(err), "override "))
		}
		errs = append(errs, err)
		overrides = append(overrides, e)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return profiles.Override(ps, overrides)
}
