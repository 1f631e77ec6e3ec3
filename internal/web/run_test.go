package web_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/web"
	"github.com/tcpdoctor/tcpdoctor/internal/web/webtest"
)

// certificate makes a certificate for this host and writes it with its key.
func certificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "agent"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"agent.crt": {Type: "CERTIFICATE", Bytes: der}, "agent.key": {Type: "PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return pool
}

// With a web configuration everything is encrypted and asks for a password; two
// addresses are served alike.
func TestEncryptedWithPassword(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pool := certificate(t, dir)
	config := filepath.Join(dir, "web.yml")
	text := "tls_server_config: {cert_file: agent.crt, key_file: agent.key}\n" +
		"basic_auth_users: {ops: " + secretHash + "}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ := serving(t, web.Options{ConfigFile: config, Listen: []string{"127.0.0.1:0", "127.0.0.1:0"}})
	s.Publish(webtest.Scene{At: at}.Snapshot())
	addrs, err := s.Addrs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 20 * time.Second}
	for _, addr := range addrs {
		for _, path := range []string{"/", "/metrics", "/healthz", "/api/v1/report", "/app.js"} {
			for password, want := range map[string]int{"secret": 200, "wrong": 401, "": 401} {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+addr.String()+path, http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				if password != "" {
					r.SetBasicAuth("ops", password)
				}
				res, err := client.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
				if res.StatusCode != want {
					t.Errorf("%s with %q: got %d, want %d", path, password, res.StatusCode, want)
				}
			}
		}
	}
}

// A server that is stopped lets the answer at hand finish, closes its addresses
// and leaves nothing running.
func TestStop(t *testing.T) {
	before := runtime.NumGoroutine()
	slow := &slowHistory{begun: make(chan struct{}), letGo: make(chan struct{})}
	s := newServer(t, web.Options{Listen: []string{"127.0.0.1:0", "127.0.0.1:0"}, History: slow})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	addrs, err := s.Addrs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	transport := &http.Transport{}
	go func() {
		res, err := (&http.Client{Transport: transport}).Get("http://" + addrs[0].String() + "/api/v1/series")
		if err == nil {
			_, err = io.Copy(io.Discard, res.Body)
			err = errors.Join(err, res.Body.Close())
			if res.StatusCode != http.StatusOK {
				err = fmt.Errorf("status %d", res.StatusCode)
			}
		}
		answered <- err
	}()
	<-slow.begun
	stop()
	close(slow.letGo)
	if err := <-answered; err != nil {
		t.Errorf("the answer at hand: %v", err)
	}
	if err := <-done; err != nil {
		t.Errorf("got %v, want nil", err)
	}
	transport.CloseIdleConnections()
	for _, addr := range addrs {
		if _, err := net.Dial("tcp", addr.String()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("got %v, want the address closed", err)
		}
	}
	deadline := time.Now().Add(10 * time.Second)
	for runtime.NumGoroutine() > before && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("got %d goroutines, want %d as before", n, before)
	}
}

// slowHistory answers when it is told to.
type slowHistory struct {
	brokenHistory
	begun, letGo chan struct{}
}

func (h *slowHistory) SeriesNames() ([]string, error) {
	close(h.begun)
	<-h.letGo
	return []string{"a"}, nil
}

func TestAddressTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := newServer(t, web.Options{Listen: []string{"127.0.0.1:0", l.Addr().String()}})
	if err := s.Run(t.Context()); !errors.Is(err, syscall.EADDRINUSE) || !strings.HasPrefix(err.Error(), "web: ") {
		t.Errorf("got %v, want that the address is in use", err)
	}
}

// Clients that ask slowly, or ask for nothing, do not keep others out for long:
// there is room for so many, and none may stay without asking.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	const room = 4
	s, addr := serving(t, web.Options{Limits: web.Limits{Connections: room}})
	s.Publish(webtest.Scene{At: at}.Snapshot())
	for range 2 * room {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "); err != nil {
			t.Fatal(err)
		}
	}
	begin := time.Now()
	client := &http.Client{Timeout: 60 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://" + addr + "/healthz")
	if err != nil {
		t.Fatalf("after %s: %v", time.Since(begin), err)
	}
	res.Body.Close()
	t.Logf("answered after %s behind %d slow clients", time.Since(begin).Round(time.Millisecond), 2*room)
	if res.StatusCode != http.StatusOK {
		t.Errorf("got %d, want 200", res.StatusCode)
	}
}

// Requests that are no requests end the connection, not the server.
func TestGarbage(t *testing.T) {
	t.Parallel()
	s, addr := serving(t, web.Options{})
	s.Publish(webtest.Scene{At: at}.Snapshot())
	for _, text := range []string{
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\x00\x00\x00\x00\r\n\r\n",
		"GET /" + strings.Repeat("a", 64<<10) + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /page/..%2f..%2fserver.go HTTP/1.1\r\nHost: localhost\r\n\r\n",
	} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, text); err == nil {
			line, err := bufio.NewReader(c).ReadString('\n')
			if strings.Contains(line, " 200 ") {
				t.Errorf("%.40q: got %q %v", text, line, err)
			}
		}
		c.Close()
	}
	res, err := http.Get("http://" + addr + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("got %d, want 200", res.StatusCode)
	}
}

// secretHash is the word "secret", as bcrypt keeps it at its lowest cost.
const secretHash = "$2a$04$rTWZ/Wq6XpFybDkFeCwf5.CoF6c8qhCmCCfNiWkMm/5fmRMy1bgFi"
