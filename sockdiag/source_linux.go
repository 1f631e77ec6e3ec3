package sockdiag

import (
	"context"
	"slices"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/netns"
	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// settingsLimit bounds the reading of some fifty small files.
const settingsLimit = time.Second

// liveSource is a namespace of the running kernel.
type liveSource struct {
	handle *netns.Handle
	tree   tree
	dir    *sysctl.Dir
	keys   []sysctl.Key
	reader *reader
	lent   *buffers   // for dumps; nil: each conversation has its own
	kept   *keptFiles // nil: every reading enters the namespace
	polled *Conn
	many   int // listeners of the last poll; guarded by polling

	opening, polling, walking lane
}

func newLiveSource(h *netns.Handle, t tree, dir *sysctl.Dir, keys []sysctl.Key, lent *buffers) *liveSource {
	l := &liveSource{handle: h, tree: t, dir: dir, keys: keys, lent: lent}
	l.reader = newReader(t, scoped(perNamespace), l.within)
	return l
}

// within runs collectors inside the namespace, unless all that they read is open.
func (l *liveSource) within(fn func(tree) error) error {
	t := l.tree
	t.kept = l.kept
	if l.kept.complete() {
		return fn(t)
	}
	t.inside = true
	err := l.handle.Do(func() error { return fn(t) })
	if err == nil {
		l.kept.settle()
	}
	return err
}

// namespaceOf tells what is known of a namespace.
func namespaceOf(h *netns.Handle) facts.Namespace {
	id := h.ID()
	return facts.Namespace{Cookie: id.Cookie, Inode: id.Inode, Name: h.Name(), PIDs: slices.Clone(h.PIDs()), Self: h.IsSelf()}
}

// opened is what open brings back from inside the namespace.
type opened struct {
	conn     *Conn
	settings map[string]string
	partial  error
}

// open is called again to read the settings anew.
func (l *liveSource) open(ctx context.Context) (map[string]string, error) {
	o, err := inLane(ctx, &l.opening, patience{limit: settingsLimit}, func() (o opened, err error) {
		err = l.handle.Do(func() (err error) {
			if l.polled == nil {
				if o.conn, err = l.dialHere(); err != nil {
					return err
				}
			}
			o.settings, o.partial = readSettings(l.dir, l.keys)
			return nil
		})
		return o, err
	}, func(o opened) {
		if o.conn != nil {
			_ = o.conn.Close()
		}
	})
	if err != nil {
		return nil, err
	}
	if o.conn != nil {
		l.polled = o.conn
	}
	l.kept.lookAgain()
	return o.settings, o.partial
}

// dialHere opens a conversation about the namespace of the calling thread.
func (l *liveSource) dialHere() (*Conn, error) {
	d, err := dialKernel()
	switch {
	case err != nil:
		return nil, err
	case l.lent == nil:
		return newConn(d), nil
	}
	return newLendingConn(d, l.lent), nil
}

// walkLeave is how long a walk has to come back when its time is over. It looks at
// the time after each piece, and twenty times a second in between.
const walkLeave = time.Second

func (l *liveSource) poll(ctx context.Context) ([]facts.Listener, error) {
	if !l.polling.enter() {
		return nil, errOutstanding
	}
	defer l.polling.leave()
	out := make([]facts.Listener, 0, l.many)
	for s, err := range l.polled.Listeners(ctx) {
		if err != nil {
			return nil, err
		}
		out = append(out, facts.ListenerOf(s))
	}
	slices.SortFunc(out, facts.Listener.Compare)
	l.many = len(out)
	return out, nil
}

// walked is a walk and how it ended: what came before an error is sound.
type walked struct {
	census facts.Census
	err    error
}

// census walks over a connection of its own, so that a walk cut short leaves
// nothing behind for the next poll.
func (l *liveSource) census(ctx context.Context, o facts.ReduceOptions) (facts.Census, error) {
	w, err := inLane(ctx, &l.walking, patience{leave: walkLeave}, func() (walked, error) {
		var conn *Conn
		err := l.handle.Do(func() (err error) {
			conn, err = l.dialHere()
			return err
		})
		if err != nil {
			return walked{}, err
		}
		defer conn.Close()
		census, err := facts.Reduce(conn.Sockets(ctx, Request{Attributes: Info | Memory | Congestion}), o)
		return walked{census, err}, nil
	}, nil)
	if err != nil {
		return facts.Census{}, err
	}
	return w.census, w.err
}

func (l *liveSource) counters(ctx context.Context) (*reading, []facts.Gap, error) {
	read := l.reader.read
	if l.kept.complete() {
		read = l.reader.readHere
	}
	r, failed := read(ctx)
	gaps, err := judge(l.reader.list, failed)
	return r, gaps, err
}

// outstanding is how many calls have not come back.
func (l *liveSource) outstanding() int {
	n := l.reader.outstanding()
	for _, lane := range []*lane{&l.opening, &l.polling, &l.walking} {
		if lane.stuck() {
			n++
		}
	}
	return n
}

func (l *liveSource) close() {
	l.kept.close()
	l.polling.close(func() {
		if l.polled != nil {
			_ = l.polled.Close()
		}
	})
}
