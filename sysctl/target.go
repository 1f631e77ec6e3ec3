package sysctl

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// Namespace is a network namespace that stays open while it is used:
// [*netns.Handle], or the one that a test stands in.
type Namespace interface {
	// Do calls fn on a thread that is in the namespace.
	Do(fn func() error) error
	// ID returns what the kernel calls the namespace.
	ID() netns.ID
}

// Identity is what a namespace can be recognised by later, by another process. The
// number of its inode is not part of it: the kernel gives that to the next new
// namespace at once.
type Identity struct {
	// BootID is the kernel's name for the present boot.
	BootID string `json:"boot_id"`
	// Cookie is the kernel's number for the namespace, unique within the boot; zero
	// where the kernel does not tell it (before 5.14).
	Cookie uint64 `json:"cookie,omitempty"`
	// Initial says that it is the host's initial namespace, which is the same one
	// after a reboot of the same machine.
	Initial bool `json:"initial,omitempty"`
	// MachineID is the content of /etc/machine-id, empty where there is none.
	MachineID string `json:"machine_id,omitempty"`
	// Name is for people only.
	Name string `json:"name,omitempty"`
}

// ErrIdentity is the error for an undo in a namespace of which it cannot be proved
// that it is the one that was changed.
var ErrIdentity = errors.New("the namespace cannot be proved to be the one that was changed")

// Is says why another identity is not the same namespace, or nothing if it is.
func (i Identity) Is(o Identity) error {
	switch {
	case i.BootID == "" || o.BootID == "":
		return fmt.Errorf("%w: the boot is not known", ErrIdentity)
	case i.BootID == o.BootID && i.Cookie != 0 && o.Cookie != 0:
		if i.Cookie != o.Cookie {
			return fmt.Errorf("%w: it has cookie %d, the changed one has %d", ErrIdentity, o.Cookie, i.Cookie)
		}
		return nil
	case i.Initial && o.Initial && i.BootID == o.BootID:
		return nil
	case i.Initial && o.Initial && i.MachineID != "" && i.MachineID == o.MachineID:
		return nil
	case i.Initial && o.Initial:
		return fmt.Errorf("%w: the host was started again and it is not known to be the same machine", ErrIdentity)
	case i.BootID != o.BootID:
		return fmt.Errorf("%w: the host was started again since, which ended it", ErrIdentity)
	}
	return fmt.Errorf("%w: the kernel gives namespaces no cookie (Linux 5.14 does)", ErrIdentity)
}

// Target is one network namespace with its parameters: what is planned for and
// changed.
type Target struct {
	tree *Dir
	ns   Namespace
	id   Identity
	env  Env
}

// TargetOptions says which parameters to work on. Tree and Namespace are needed;
// the rest is found out when it is zero.
type TargetOptions struct {
	// Tree is the tree of parameters, usually that of [OpenDir] with an empty path.
	Tree *Dir
	// Namespace is the network namespace to act on.
	Namespace Namespace
	// Name is how people call it.
	Name string
	// Identity is what it is recognised by.
	Identity Identity
	// Env is what the kernel's defaults depend on.
	Env Env
}

// NewTarget finds out what is known about a namespace.
func NewTarget(o TargetOptions) (*Target, error) {
	t := &Target{tree: o.Tree, ns: o.Namespace, id: o.Identity, env: o.Env}
	if t.id == (Identity{}) {
		id, err := findIdentity(o)
		if err != nil {
			return nil, err
		}
		t.id = id
	}
	if o.Name != "" {
		t.id.Name = o.Name
	}
	if t.env == (Env{}) {
		err := t.ns.Do(func() error {
			env, err := HostEnv(t.tree)
			t.env = env
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return t, nil
}

// findIdentity asks the kernel who the namespace is.
func findIdentity(o TargetOptions) (Identity, error) {
	id := Identity{BootID: currentBoot(), Cookie: o.Namespace.ID().Cookie}
	err := o.Namespace.Do(func() error {
		// The host's own parameters are absent in every other namespace.
		_, err := o.Tree.ReadRaw(keyNetdevBacklog)
		id.Initial = err == nil
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		return Identity{}, fmt.Errorf("sysctl: identify the namespace: %w", err)
	}
	if machine, err := os.ReadFile("/etc/machine-id"); err == nil {
		id.MachineID = strings.TrimSpace(string(machine))
	}
	return id, nil
}

// Identity returns what the namespace can be recognised by later.
func (t *Target) Identity() Identity { return t.id }

// Env returns what the kernel's defaults depend on in the namespace.
func (t *Target) Env() Env { return t.env }

// Read returns the values of some keys in the namespace, in normalised form.
func (t *Target) Read(keys []Key) (Values, error) {
	var v Values
	err := t.ns.Do(func() error {
		v = t.tree.ReadAll(keys)
		return nil
	})
	return v, err
}

// State reads what a plan for these wants is made against.
func (t *Target) State(wants []Want) (State, error) {
	keys := Needs(wants)
	st := State{Env: t.env, Initial: t.id.Initial, Raw: make(map[Key]string, len(keys)), Err: map[Key]error{}}
	err := t.ns.Do(func() error {
		for _, k := range keys {
			raw, err := t.tree.ReadRaw(k)
			if err != nil {
				st.Err[k] = err
				continue
			}
			st.Raw[k] = raw
		}
		return nil
	})
	return st, err
}

// Plan reads the namespace and returns the smallest set of writes that meets the
// wants.
func (t *Target) Plan(wants []Want) (Plan, error) {
	st, err := t.State(wants)
	if err != nil {
		return Plan{}, err
	}
	return NewPlan(wants, st), nil
}
