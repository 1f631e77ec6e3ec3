//go:build !linux

package netns

import (
	"errors"
	"fmt"
)

func unsupported(what string) error {
	return fmt.Errorf("netns: %s: network namespaces: %w", what, errors.ErrUnsupported)
}

// Self returns an error on this platform.
func Self() (*Handle, error) { return nil, unsupported("self") }

// Open returns an error on this platform.
func Open(string) (*Handle, error) { return nil, unsupported("open") }

// All returns an error on this platform.
func All() ([]*Handle, []error) { return nil, []error{unsupported("list")} }

// New returns an error on this platform.
func New() (*Handle, error) { return nil, unsupported("create") }

// Do returns an error on this platform; fn is not called.
func (h *Handle) Do(func() error) error { return unsupported("enter") }

// LoadPIDs returns an error on this platform.
func (h *Handle) LoadPIDs() error { return unsupported("list members") }

// Lister lists namespaces, where there are any.
type Lister struct{}

// NewLister makes a lister that finds nothing on this platform.
func NewLister(string) *Lister { return &Lister{} }

// List returns an error on this platform.
func (l *Lister) List() (handles []*Handle, complete bool, errs []error) {
	return nil, false, []error{unsupported("list")}
}
