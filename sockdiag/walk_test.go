package sockdiag

import (
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// netlinkMessage makes one message under sequence number 7.
func netlinkMessage(kind uint16, body []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(headerLen+len(body)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, 2) // NLM_F_MULTI
	b = binary.NativeEndian.AppendUint32(b, 7)
	b = binary.NativeEndian.AppendUint32(b, 0)
	return append(b, append(body, make([]byte, align4(len(body))-len(body))...)...)
}

// number is the body of a message that reports an error.
func number(errno syscall.Errno) []byte {
	return binary.NativeEndian.AppendUint32(nil, uint32(-int32(errno)))
}

// entryOf is an entry in a state, with attributes.
func entryOf(family byte, state facts.State, attributes ...byte) []byte {
	b := make([]byte, entryLen)
	b[0], b[1] = family, byte(state)
	return netlinkMessage(typeTCP, append(b, attributes...))
}

// scripts are what a kernel might send, well or badly.
func scripts() map[string][]byte {
	ok := entryOf(linuxINET, facts.Established)
	done := netlinkMessage(typeDone, make([]byte, 4))
	join := func(parts ...[]byte) (out []byte) {
		for _, p := range parts {
			out = append(out, p...)
		}
		return out
	}
	return map[string][]byte{
		"good":                  join(ok, ok, done),
		"done without a body":   join(ok, netlinkMessage(typeDone, nil)),
		"unknown message":       join(ok, netlinkMessage(99, make([]byte, 20)), done),
		"unknown state":         join(entryOf(linuxINET, 14), done),
		"unknown attribute":     join(entryOf(linuxINET, facts.Listen, 8, 0, 250, 0, 1, 2, 3, 4), done),
		"failed":                join(ok, netlinkMessage(typeError, number(syscall.ENOMEM))),
		"done with an error":    join(ok, netlinkMessage(typeDone, number(syscall.EMSGSIZE))),
		"forbidden":             netlinkMessage(typeError, number(syscall.EPERM)),
		"no handler":            netlinkMessage(typeError, number(syscall.ENOENT)),
		"unknown filter":        netlinkMessage(typeError, number(syscall.EINVAL)),
		"lost":                  join(ok, netlinkMessage(typeOverrun, nil), done),
		"error without number":  netlinkMessage(typeError, []byte{1, 2}),
		"short done":            netlinkMessage(typeDone, []byte{1, 2}),
		"short entry":           join(netlinkMessage(typeTCP, make([]byte, entryLen-4)), done),
		"short attribute":       join(entryOf(linuxINET, facts.Listen, 5, 0, attrMark, 0, 1, 0, 0, 0), done),
		"overlong attribute":    join(entryOf(linuxINET, facts.Listen, 9, 0, attrMark, 0, 1, 0, 0, 0), done),
		"attribute of no bytes": join(entryOf(linuxINET, facts.Listen, 0, 0, attrMark, 0), done),
		"short nested":          join(entryOf(linuxINET, facts.Listen, 8, 0, attrULP, 0x80, 9, 0, 1, 0), done),
		"other family":          join(entryOf(1, facts.Listen), done),
		"overlong message":      join(ok, ok[:20]),
		"half a header":         join(ok, ok[:10]),
		"ends early":            ok,
	}
}

func TestSocketsOnWhateverComes(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		sockets int
		is      error  // what the error wraps
		says    string // "" for no error
	}{
		"good":                  {sockets: 2},
		"done without a body":   {sockets: 1},
		"unknown message":       {sockets: 1},
		"unknown state":         {sockets: 1},
		"unknown attribute":     {sockets: 1},
		"failed":                {1, syscall.ENOMEM, "cannot allocate memory"},
		"done with an error":    {1, syscall.EMSGSIZE, "message too long"},
		"forbidden":             {0, fs.ErrPermission, "operation not permitted"},
		"no handler":            {0, errors.ErrUnsupported, "unsupported"},
		"unknown filter":        {0, errors.ErrUnsupported, "unsupported"},
		"lost":                  {1, nil, "lost messages"},
		"error without number":  {0, errTruncated, "2 bytes, want an error number"},
		"short done":            {0, errTruncated, "2 bytes, want an error number"},
		"short entry":           {0, errTruncated, "68 bytes, want 72"},
		"short attribute":       {0, errTruncated, "attribute 15: truncated message: 1 bytes, want 4"},
		"overlong attribute":    {0, errTruncated, "claims 9 bytes of 8"},
		"attribute of no bytes": {0, errTruncated, "claims 0 bytes of 4"},
		"short nested":          {0, errTruncated, "attribute 19: attribute: truncated message: it claims 9 bytes of 4"},
		"other family":          {0, nil, "address family 1"},
		"overlong message":      {1, errTruncated, "claims 88 bytes of 20"},
		"half a header":         {1, errTruncated, "10 bytes, want a header of 16"},
		"ends early":            {1, errNoMore, "recording has ended"},
	}
	all := scripts()
	for name := range all {
		if _, ok := tests[name]; !ok {
			t.Errorf("%s: nothing expected", name)
		}
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var n int
			var got error
			for _, err := range newConn(&recordedDump{data: all[name]}).Sockets(t.Context(), Request{}) {
				if err != nil {
					got = err
					continue
				}
				n++
			}
			if n != want.sockets {
				t.Errorf("got %d sockets, want %d", n, want.sockets)
			}
			if want.says == "" != (got == nil) || got != nil && !strings.Contains(strings.ToLower(got.Error()), want.says) {
				t.Errorf("got error %v, want %q", got, want.says)
			}
			if want.is != nil && !errors.Is(got, want.is) {
				t.Errorf("got error %v, which is no %v", got, want.is)
			}
		})
	}
}

// TestStrayMessagesAreSkipped mixes in messages of another dump.
func TestStrayMessagesAreSkipped(t *testing.T) {
	t.Parallel()
	good := scripts()["good"]
	stray := entryOf(linuxINET6, facts.Listen)
	binary.NativeEndian.PutUint32(stray[8:], 6)
	var data []byte
	for b := good; len(b) > 0; {
		_, rest, err := splitMessage(b)
		if err != nil {
			t.Fatal(err)
		}
		data = append(append(data, b[:len(b)-len(rest)]...), stray...)
		b = rest
	}
	if got := len(collect(t, newConn(&recordedDump{data: data}).Sockets(t.Context(), Request{}))); got != 2 {
		t.Errorf("got %d sockets, want 2", got)
	}
}

func TestOneWalkAtATime(t *testing.T) {
	t.Parallel()
	c := newConn(readDump(t, zooDump))
	for _, err := range c.Sockets(t.Context(), Request{}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range c.Listeners(t.Context()) {
			if !errors.Is(err, ErrBusy) {
				t.Fatalf("got %v, want ErrBusy", err)
			}
		}
		break
	}
	if got := len(collect(t, c.Sockets(t.Context(), Request{}))); got < 40 {
		t.Errorf("after a walk that was broken off: got %d sockets", got)
	}
}

// TestContextEndsAWalk cancels in the middle; the next walk finds everything.
func TestContextEndsAWalk(t *testing.T) {
	t.Parallel()
	d := readDump(t, zooDump)
	d.piece = 1000
	c := newConn(d)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var n int
	var got error
	for _, err := range c.Sockets(ctx, Request{}) {
		if n++; n == 3 {
			cancel(errors.New("enough"))
		}
		got = err
	}
	if !errors.Is(got, context.Canceled) || n > 10 {
		t.Errorf("got %v after %d steps, want context.Canceled soon after 3", got, n)
	}
	if got := len(collect(t, c.Sockets(t.Context(), Request{}))); got < 40 {
		t.Errorf("after a cancelled walk: got %d sockets", got)
	}
}

// TestFailureIsRemembered shows that a connection on which the kernel stopped
// in the middle is not used again.
func TestFailureIsRemembered(t *testing.T) {
	t.Parallel()
	c := newConn(&recordedDump{data: scripts()["ends early"]})
	for _, want := range []error{errNoMore, ErrUnusable, ErrUnusable} {
		var got error
		for _, err := range c.Sockets(t.Context(), Request{}) {
			got = err
		}
		if !errors.Is(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}
