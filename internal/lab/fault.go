package lab

import "context"

// Side names one of the two actors of a fault.
type Side string

// The sides.
const (
	ServerSide Side = "server"
	ClientSide Side = "client"
)

// Expect is what must be found while a fault stands.
type Expect struct {
	// ID and Cause are those of the finding.
	ID, Cause string
	// Severity is the least that the finding must have: warning or critical.
	Severity string
	// Culprit is the side whose process must be named, in whose namespace the
	// finding must be made.
	Culprit Side
	// Also lists IDs of findings that are true of the fault as well, in either
	// namespace, and therefore no false alarm. They need not be found.
	Also []string
}

// Fault is one thing that goes wrong, or that merely looks as if, and the way to
// make it happen. Faults are package-level values, one in a file, listed by [All].
type Fault struct {
	// Name is kebab-case and unique. It begins with the ID of the finding,
	// or with "harmless".
	Name string
	// Title is the name in words, for a list.
	Title string
	// Doc says how the fault is made and how it shows.
	Doc string
	// Harmless marks a look-alike: nothing at warning or above may be found,
	// except for what Expect.Also lists.
	Harmless bool
	// Expect is what must be found. A look-alike sets at most Culprit, the
	// side whose namespace has the look, and Also.
	Expect Expect
	// Families are those it can be made with; none stands for IPv4 and IPv6.
	Families []Family
	// Size is how many things the fault is made of unless [Options] says
	// otherwise; what they are is up to Doc.
	Size int
	// PerSecond is the rate at which it goes on unless Options says otherwise.
	PerSecond int
	// Run sets the fault up, calls [Stage.Ready] once it stands, keeps it going
	// until ctx ends, and returns nil then. [Stage.Keep] does the last part.
	Run func(ctx context.Context, s *Stage) error
}

// InFamilies lists the families that the fault can be made with.
func (f Fault) InFamilies() []Family {
	if len(f.Families) == 0 {
		return []Family{IPv4, IPv6}
	}
	return f.Families
}

// Find returns the fault of that name.
func Find(name string) (Fault, bool) {
	for _, f := range All() {
		if f.Name == name {
			return f, true
		}
	}
	return Fault{}, false
}
