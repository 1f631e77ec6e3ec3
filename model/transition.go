package model

// Reply is a segment that a transition sends.
type Reply string

// The replies of the table.
const (
	SendSYN    Reply = "SYN"
	SendSYNACK Reply = "SYN+ACK"
	SendACK    Reply = "ACK"
	SendFIN    Reply = "FIN"
	SendRST    Reply = "RST"
	SendData   Reply = "data"
)

// Transition is one row of the table: what happens to a connection at From
// when a trigger comes.
type Transition struct {
	From Node
	On   Trigger
	When Guard // rows of the same place and trigger are tried in order
	To   Node
	Send []Reply
	// Count is the kernel counters that rise.
	Count []Counter
	// Error is what the application's next call gets.
	Error string
	// Spawns tells that a new object appears beside this one: the half-open
	// entry or the child of a listener.
	Spawns Node
	// Restarts tells that a TIME_WAIT timer starts again.
	Restarts bool
	// Source is where it is written: RFC section and kernel function.
	Source string
}

// Transitions returns the whole table: opening, data and resets, closing.
func Transitions() []Transition {
	table := append([]Transition(nil), transitionsOpen...)
	table = append(table, transitionsRequest...)
	table = append(table, transitionsEstablished...)
	return append(table, transitionsClose...)
}

// transitions is the table as [Conn.Step] looks it up.
var transitions = Transitions()

// find returns the first row for a place and a trigger whose guard holds, and
// its index.
func find(c Conn, on Trigger, e Event) (Transition, int, bool) {
	for i, t := range transitions {
		if t.On == on && t.From.matches(c.Node) && guardTests[t.When](c, e) {
			return t, i, true
		}
	}
	return Transition{}, -1, false
}
