package notify

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
)

func TestWebhookSendsSignedDocument(t *testing.T) {
	noneLeft(t)
	in := newInbox(t, nil)
	secret := file(t, "secret", "first secret\n")
	password := file(t, "password", "p:w")
	now := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	w := newWebhook("hook", WebhookConfig{
		URL: in.URL + "/hook?team=a", SecretFile: secret, Access: Access{BasicAuth: BasicAuth{Username: "me", PasswordFile: password}},
	}, Options{Version: "1.2", Now: func() time.Time { return now }})
	defer w.close()

	a := repeated(sample(1), 2)
	a.UID = "x y\n"
	if err := w.Send(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	// The secret is exchanged while it runs.
	if err := os.WriteFile(secret, []byte("second secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.Send(t.Context(), over(sample(1))); err != nil {
		t.Fatal(err)
	}
	bodies, heads := in.requests()
	for i, secret := range []string{"first secret", "second secret"} {
		if err := Verify([]byte(secret), heads[i], bodies[i], now.Add(time.Minute), 0); err != nil {
			t.Errorf("message %d: %v", i, err)
		}
		if user, password, _ := (&http.Request{Header: heads[i]}).BasicAuth(); user != "me" || password != "p:w" {
			t.Errorf("message %d: from %s with %s", i, user, password)
		}
		if heads[i].Get("Content-Type") != "application/json" || heads[i].Get("User-Agent") != "tcpdoctor/1.2" {
			t.Errorf("message %d: headers %v", i, heads[i])
		}
	}
	if got, want := heads[0].Get("Idempotency-Key"), "x_y_-firing-2"; got != want {
		t.Errorf("got key %q, want %q", got, want)
	}
	var got Document
	if err := json.Unmarshal(bodies[0], &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Document{Schema: "tcpdoctor.alert/v1", Alert: a}, got); diff != "" {
		t.Errorf("document (-want +got):\n%s", diff)
	}
	var names map[string]json.RawMessage
	if err := json.Unmarshal(bodies[1], &names); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"schema", "uid", "incident", "status", "labels", "annotations", "starts_at", "ends_at", "finding"} {
		if _, ok := names[name]; !ok {
			t.Errorf("no %s in %s", name, bodies[1])
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	secret, body := []byte("secret"), []byte(`{"schema":"tcpdoctor.alert/v1"}`)
	signed := func(at int64, secret string) http.Header {
		stamp := strconv.FormatInt(at, 10)
		h := http.Header{}
		h.Set(HeaderTimestamp, stamp)
		h.Set(HeaderSignature, "sha256="+hexOf(signature([]byte(secret), stamp, body)))
		return h
	}
	change := func(h http.Header, name string, f func(string) string) http.Header {
		h.Set(name, f(h.Get(name)))
		return h
	}
	for name, c := range map[string]struct {
		header http.Header
		body   []byte
		want   error
	}{
		"good":                 {signed(now.Unix(), "secret"), body, nil},
		"four minutes old":     {signed(now.Unix()-240, "secret"), body, nil},
		"six minutes old":      {signed(now.Unix()-360, "secret"), body, ErrSignedAge},
		"from the future":      {signed(now.Unix()+360, "secret"), body, ErrSignedAge},
		"from far away":        {signed(1<<62, "secret"), body, ErrSignedAge},
		"other secret":         {signed(now.Unix(), "Secret"), body, ErrUnsigned},
		"other body":           {signed(now.Unix(), "secret"), append(body, ' '), ErrUnsigned},
		"no headers":           {http.Header{}, body, ErrUnsigned},
		"no digest name":       {change(signed(now.Unix(), "secret"), HeaderSignature, func(s string) string { return strings.TrimPrefix(s, "sha256=") }), body, ErrUnsigned},
		"cut signature":        {change(signed(now.Unix(), "secret"), HeaderSignature, func(s string) string { return s[:len(s)-2] }), body, ErrUnsigned},
		"not hexadecimal":      {change(signed(now.Unix(), "secret"), HeaderSignature, func(string) string { return "sha256=xyz" }), body, ErrUnsigned},
		"fresh stamp, old MAC": {change(signed(now.Unix()-3600, "secret"), HeaderTimestamp, func(string) string { return strconv.FormatInt(now.Unix(), 10) }), body, ErrUnsigned},
		"stamp no number":      {change(signed(now.Unix(), "secret"), HeaderTimestamp, func(string) string { return "now" }), body, ErrUnsigned},
	} {
		if err := Verify(secret, c.header, c.body, now, 0); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

// TestWebhookWithoutSecret: a secret that cannot be read sends nothing unsigned,
// and gives nothing up.
func TestWebhookWithoutSecret(t *testing.T) {
	in := newInbox(t, nil)
	secret := file(t, "secret", "  \n")
	w := newWebhook("hook", WebhookConfig{URL: in.URL, SecretFile: secret}, Options{Now: time.Now})
	defer w.close()
	err := w.Send(t.Context(), sample(1))
	if err == nil || asFailure(err).tries != triesUnlimited || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("got %v", err)
	}
	if err := os.Remove(secret); err != nil {
		t.Fatal(err)
	}
	if err := w.Send(t.Context(), sample(1)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if bodies, _ := in.requests(); len(bodies) > 0 {
		t.Errorf("%d messages were sent without a signature", len(bodies))
	}
}

// TestWebhookKeyNamesMessage: no two messages have the same key.
func TestWebhookKeyNamesMessage(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range []incident.Alert{sample(1), repeated(sample(1), 1), over(sample(1)), sample(2)} {
		if k := key(a); seen[k] {
			t.Errorf("%s twice", k)
		} else {
			seen[k] = true
		}
	}
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }
