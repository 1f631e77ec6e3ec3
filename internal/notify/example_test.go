package notify_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
	"github.com/tcpdoctor/tcpdoctor/internal/notify"
)

// A receiver of webhooks reads the whole body, verifies it, and only then looks
// at what it says. It remembers the Idempotency-Key, to take each message once.
func ExampleVerify() {
	secret := []byte("correct horse battery staple")
	told := make(chan string, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "cannot read", http.StatusBadRequest)
			return
		}
		if err := notify.Verify(secret, r.Header, body, time.Now(), 0); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		told <- r.Header.Get("Idempotency-Key")
	}))
	defer receiver.Close()

	folder, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	file := filepath.Join(folder, "secret")
	if err := os.WriteFile(file, secret, 0o600); err != nil {
		fmt.Println(err)
		return
	}

	config := notify.Config{Webhook: []notify.WebhookConfig{{URL: receiver.URL, SecretFile: file}}}
	queue := notify.NewMemoryQueue(100)
	queue.Declare(config.Names())
	dispatcher, err := notify.New(config, queue, notify.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- dispatcher.Run(ctx) }()

	queue.Put(incident.Alert{UID: "7c1f.1", Status: incident.Firing, StartsAt: time.Now()})
	dispatcher.Wake()
	fmt.Println(<-told)
	stop()
	fmt.Println(<-ended)
	// Output:
	// 7c1f.1-firing-0
	// <nil>
}

// Everything that is wrong with a configuration is told at once.
func ExampleConfig_Validate() {
	config := notify.Config{
		Alertmanager: []notify.AlertmanagerConfig{{URLs: []string{"alertmanager:9093"}}},
		Webhook:      []notify.WebhookConfig{{URL: "https://ops:pw@example.org/"}},
		Command:      []notify.CommandConfig{{}},
	}
	for _, problem := range config.Validate() {
		fmt.Println(problem)
	}
	// Output:
	// alertmanager[0].urls[0]: must begin with http:// or https://
	// webhook[0].url: holds a user name: put it into basic-auth, and the password into a file
	// command[0].argv: is missing
}
