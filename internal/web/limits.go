package web

// Limits bound what is told, however much there is. Zero fields have defaults.
type Limits struct {
	// Namespaces is how many network namespaces have series of their own
	// (default 50); the others are added up under the name "other".
	Namespaces int
	// Listeners is how many listening addresses have series of their own
	// (default 200); of the others, "other" has the fullest queue and all drops.
	Listeners int
	// Destinations is how many of the destinations nearest to running out of
	// local ports are told (default 50).
	Destinations int
	// Findings is how many open incidents are told as metrics (default 200).
	Findings int
	// Names bounds the lists whose names come from the configuration: rules,
	// collectors, receivers (default 200).
	Names int
	// LabelRunes is how long a label may be (default 128).
	LabelRunes int
	// Connections is how many clients are served at once (default 128).
	Connections int
}

func (l Limits) withDefaults() Limits {
	set := func(v *int, to int) {
		if *v <= 0 {
			*v = to
		}
	}
	set(&l.Namespaces, 50)
	set(&l.Listeners, 200)
	set(&l.Destinations, 50)
	set(&l.Findings, 200)
	set(&l.Names, 200)
	set(&l.LabelRunes, 128)
	set(&l.Connections, 128)
	return l
}

// tracked is how many listeners are followed one by one, to add up their drops:
// each takes about 200 bytes.
const tracked = 20_000
