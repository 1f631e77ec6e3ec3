package model

import (
	"strings"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// Object is what the kernel keeps for a connection. The same state may be held
// by different objects, and what may happen next depends on which.
type Object uint8

// The kernel's objects.
const (
	NoObject       Object = iota // nothing is kept
	OwnedSocket                  // a socket that a process holds, or an unaccepted child
	Orphan                       // a socket that its process closed, not finished yet
	Request                      // a half-open entry (request sock) of a passive open
	TimeWaitObject               // the small object of TIME_WAIT and of an orphan's FIN_WAIT2
	anyObject                    // in the table: whatever it is, and it stays so
)

var objectNames = [...]string{"", "socket", "orphan", "request", "tw", "any"}

// String returns "socket", "orphan", "request", "tw", or "".
func (o Object) String() string { return objectNames[o] }

// Node is one place in the state space: a state and the object that holds it.
type Node struct {
	State  facts.State
	Object Object
}

// The nodes of the state space.
var (
	nodeClosed      = Node{facts.Close, NoObject}
	nodeListen      = Node{facts.Listen, OwnedSocket}
	nodeRequest     = Node{facts.SynRecv, Request}
	nodeSynSent     = Node{facts.SynSent, OwnedSocket}
	nodeSynRecv     = Node{facts.SynRecv, OwnedSocket}
	nodeEstablished = Node{facts.Established, OwnedSocket}
	nodeCloseWait   = Node{facts.CloseWait, OwnedSocket}
	nodeFinWait1    = Node{facts.FinWait1, OwnedSocket}
	nodeFinWait1O   = Node{facts.FinWait1, Orphan}
	nodeFinWait1Any = Node{facts.FinWait1, anyObject}
	nodeFinWait2    = Node{facts.FinWait2, OwnedSocket}
	nodeFinWait2O   = Node{facts.FinWait2, Orphan}
	nodeFinWait2T   = Node{facts.FinWait2, TimeWaitObject}
	nodeClosing     = Node{facts.Closing, OwnedSocket}
	nodeClosingO    = Node{facts.Closing, Orphan}
	nodeClosingAny  = Node{facts.Closing, anyObject}
	nodeLastAck     = Node{facts.LastAck, OwnedSocket}
	nodeLastAckO    = Node{facts.LastAck, Orphan}
	nodeLastAckAny  = Node{facts.LastAck, anyObject}
	nodeTimeWait    = Node{facts.TimeWait, TimeWaitObject}
)

// Nodes returns every place a connection can be in.
func Nodes() []Node {
	return []Node{
		nodeClosed, nodeListen, nodeRequest, nodeSynSent, nodeSynRecv, nodeEstablished, nodeCloseWait,
		nodeFinWait1, nodeFinWait1O, nodeFinWait2, nodeFinWait2O, nodeFinWait2T,
		nodeClosing, nodeClosingO, nodeLastAck, nodeLastAckO, nodeTimeWait,
	}
}

// String returns "FIN_WAIT2 (tw)", the object only where the state has several.
func (n Node) String() string {
	name := StateName(n.State)
	switch n.State {
	case facts.SynRecv, facts.FinWait1, facts.FinWait2, facts.Closing, facts.LastAck:
		return name + " (" + n.Object.String() + ")"
	default:
		return name
	}
}

// StateName returns a state as the RFC and the tools write it: FIN_WAIT2.
func StateName(s facts.State) string {
	if s == facts.Close {
		return "CLOSED"
	}
	return strings.ToUpper(s.String())
}

// matches reports whether a node of the table covers n.
func (n Node) matches(at Node) bool {
	return n.State == at.State && (n.Object == at.Object || n.Object == anyObject)
}

// synchronized reports whether both sides have agreed on sequence numbers
// (RFC 9293, 3.3.2), TIME_WAIT-type objects excepted.
func (n Node) synchronized() bool {
	switch n.State {
	case facts.Close, facts.Listen, facts.SynSent, facts.TimeWait:
		return false
	case facts.SynRecv:
		return n.Object == OwnedSocket
	default:
		return n.Object != TimeWaitObject
	}
}

// counted reports whether CurrEstab counts a connection in this state.
func counted(s facts.State) bool { return s == facts.Established || s == facts.CloseWait }
