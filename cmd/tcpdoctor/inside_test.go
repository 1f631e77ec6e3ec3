package main

import (
	"bytes"
	"context"
	"strings"
	"sync"
)

// tcpdoctor runs the program inside the test.
func tcpdoctor(ctx context.Context, args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = run(ctx, args, streams{In: strings.NewReader(""), Out: &o, Err: &e, Width: 80})
	return code, o.String(), e.String()
}

// onText calls do once, when a text is written to it.
type onText struct {
	text string
	do   func()
	once sync.Once
	all  bytes.Buffer
	mu   sync.Mutex
}

func (w *onText) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all.Write(b)
	if strings.Contains(w.all.String(), w.text) {
		w.once.Do(w.do)
	}
	return len(b), nil
}
