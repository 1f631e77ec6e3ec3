package main

import (
	"image/png"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/web/webtest"
)

// A recording becomes a picture of the page, as wide as was asked.
func TestPictureOfRecording(t *testing.T) {
	if _, err := webtest.FindBrowser(); err != nil && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	dir := t.TempDir()
	recording := filepath.Join(dir, "fault.rec")
	f, err := os.Create(recording)
	if err != nil {
		t.Fatal(err)
	}
	if err := facts.Encode(f, webtest.Scene{At: time.Now(), Overflow: true}.Window()); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "page.png")
	o := options{from: recording, out: out, wait: "its accept queue on *:443 is full", deadline: time.Minute, view: webtest.View{Width: 1000, Height: 700, Scale: 2}}
	if err := run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	picture, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer picture.Close()
	is, err := png.DecodeConfig(picture)
	if err != nil {
		t.Fatal(err)
	}
	if is.Width != 2000 || is.Height < 1400 {
		t.Errorf("got %d by %d, want 2000 by the length of the page", is.Width, is.Height)
	}
}

func TestNothingToShow(t *testing.T) {
	t.Parallel()
	for _, o := range []options{{}, {from: "x", madeUp: true}, {from: filepath.Join(t.TempDir(), "none")}} {
		if err := run(t.Context(), o); err == nil {
			t.Errorf("%+v: got no error", o)
		}
	}
}
