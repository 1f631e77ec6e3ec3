package netns

import (
	"fmt"
	"strings"
)

// maxNamesShown bounds the names that an UnknownError spells out.
const maxNamesShown = 20

// UnknownError says that no namespace has the wanted name.
type UnknownError struct {
	// Name is what was asked for.
	Name string
	// Known are the names that exist, sorted.
	Known []string
	// Unreadable are the folders of names that could not be listed, each
	// with the reason. It is empty as a rule.
	Unreadable []string
}

// Error tells the user which names exist, and what else may be given.
func (e *UnknownError) Error() string {
	there := "none has a name"
	if len(e.Known) > 0 {
		shown, more := e.Known, ""
		if len(shown) > maxNamesShown {
			more = fmt.Sprintf(" and %d more", len(shown)-maxNamesShown)
			shown = shown[:maxNamesShown]
		}
		there = "there are: " + strings.Join(shown, ", ") + more
	}
	for _, folder := range e.Unreadable {
		there += "; unreadable: " + folder
	}
	return fmt.Sprintf("no namespace named %q (%s); a pid or a path works too", e.Name, there)
}

// VanishedError says that a namespace went away while it was being opened. It
// is no failure of the host: containers come and go.
type VanishedError struct {
	// Namespace is the best name known for it.
	Namespace string
	// Err is what the kernel said.
	Err error
}

// Error names the namespace and the reason.
func (e *VanishedError) Error() string {
	return fmt.Sprintf("netns: %s vanished: %v", e.Namespace, e.Err)
}

// Unwrap returns the kernel's error.
func (e *VanishedError) Unwrap() error { return e.Err }
