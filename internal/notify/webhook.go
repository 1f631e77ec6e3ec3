package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
)

// Schema names the form of a [Document]. Fields may be added to it.
const Schema = "tcpdoctor.alert/v1"

// The headers that come with a [Document].
const (
	HeaderTimestamp = "X-Tcpdoctor-Timestamp"
	HeaderSignature = "X-Tcpdoctor-Signature"
	headerKey       = "Idempotency-Key"
)

// signaturePrefix names how the signature is made.
const signaturePrefix = "sha256="

// SignatureAge is how far the time of a signature may be from the clock of the
// one who verifies it, unless they decide otherwise.
const SignatureAge = 5 * time.Minute

// What [Verify] objects to.
var (
	ErrUnsigned  = errors.New("notify: no valid signature")
	ErrSignedAge = errors.New("notify: signed too long ago, or in the future")
)

// Document is what a webhook and a command get, in JSON: the alert, with the
// finding as it is in a report.
type Document struct {
	Schema string `json:"schema"`
	incident.Alert
}

// document returns an alert in JSON.
func document(a incident.Alert) ([]byte, error) {
	body, err := json.Marshal(Document{Schema: Schema, Alert: a})
	if err != nil {
		return nil, failed(triesRefused, "notify: %w", err)
	}
	return body, nil
}

// WebhookConfig is an URL that alerts are posted to.
type WebhookConfig struct {
	Common   `mapstructure:",squash"`
	Resolved `mapstructure:",squash"`
	Access   `mapstructure:",squash"`

	URL string `mapstructure:"url"`
	// SecretFile holds the secret that messages are signed with. Without it
	// they are not.
	SecretFile string `mapstructure:"secret-file"`
}

func (c WebhookConfig) check(p problems) {
	c.Common.check(p)
	c.Access.check(p)
	checkURL(c.URL, "url", p)
	checkFile(c.SecretFile, "secret-file", p)
}

// webhook posts one document per message.
type webhook struct {
	name   string
	config WebhookConfig
	poster *poster
	now    func() time.Time
}

func newWebhook(name string, c WebhookConfig, o Options) *webhook {
	return &webhook{name: name, config: c, poster: newPoster(c.Access, c.limit(), o), now: o.Now}
}

// Name implements [Receiver].
func (w *webhook) Name() string { return w.name }

func (w *webhook) close() { w.poster.close() }

// Send implements [Receiver].
func (w *webhook) Send(ctx context.Context, a incident.Alert) error {
	body, err := document(a)
	if err != nil {
		return err
	}
	header := http.Header{headerKey: {idempotencyKey(a)}}
	if w.config.SecretFile != "" {
		secret, err := readSecret(w.config.SecretFile)
		if err != nil {
			return fmt.Errorf("notify: %w", err)
		}
		at := strconv.FormatInt(w.now().Unix(), 10)
		header.Set(HeaderTimestamp, at)
		header.Set(HeaderSignature, signaturePrefix+hex.EncodeToString(signature([]byte(secret), at, body)))
	}
	return w.poster.post(ctx, w.config.URL, header, body, nil)
}

// idempotencyKey is the same for every attempt at one message. Whatever an UID
// holds, it is fit for a header.
func idempotencyKey(a incident.Alert) string {
	uid := strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '_'
		}
		return r
	}, a.UID)
	return fmt.Sprintf("%s-%s-%d", uid, a.Status, a.Repeat)
}

// signature computes what only somebody who knows the secret can.
func signature(secret []byte, timestamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(timestamp))
	mac.Write([]byte("."))
	mac.Write(body)
	return mac.Sum(nil)
}

// Verify checks that a message which a webhook received comes from somebody who
// knows the secret, and was signed within age of now; 0 stands for
// [SignatureAge]. The error is [ErrUnsigned] or [ErrSignedAge]. A receiver that
// takes part in no message twice also remembers the Idempotency-Key.
func Verify(secret []byte, header http.Header, body []byte, now time.Time, age time.Duration) error {
	if age == 0 {
		age = SignatureAge
	}
	at := header.Get(HeaderTimestamp)
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return ErrUnsigned
	}
	given, ok := strings.CutPrefix(header.Get(HeaderSignature), signaturePrefix)
	if !ok {
		return ErrUnsigned
	}
	mac, err := hex.DecodeString(given)
	if err != nil || !hmac.Equal(mac, signature(secret, at, body)) {
		return ErrUnsigned
	}
	if now.Sub(time.Unix(seconds, 0)).Abs() > age {
		return ErrSignedAge
	}
	return nil
}
