package notify

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// authority issues certificates.
type authority struct {
	dir, file string
	cert      *x509.Certificate
	key       *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	a.file = filepath.Join(a.dir, "ca.pem")
	a.key = newKey(t)
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "authority of " + t.Name()},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, a.file, "CERTIFICATE", der)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue writes a certificate for a name, and its key.
func (a *authority) issue(t *testing.T, name string) (cert, key string) {
	t.Helper()
	own := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, &own.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(a.dir, name+".pem"), filepath.Join(a.dir, name+".key")
	writePEM(t, cert, "CERTIFICATE", der)
	writePEM(t, key, "PRIVATE KEY", secret)
	return cert, key
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestTLSFilesAreReadAgain: the authority is exchanged while the dispatcher runs,
// by way of a file that is half written.
func TestTLSFilesAreReadAgain(t *testing.T) {
	noneLeft(t)
	trusted := filepath.Join(t.TempDir(), "trusted.pem")
	first, second := newAuthority(t), newAuthority(t)
	replace := func(text []byte) {
		t.Helper()
		if err := os.WriteFile(trusted, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	serve := func(a *authority) *httptest.Server {
		cert, key := a.issue(t, "hook.example")
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
		s.StartTLS()
		t.Cleanup(s.Close)
		return s
	}
	read := func(a *authority) []byte {
		text, err := os.ReadFile(a.file)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	replace(read(first))
	p := newPoster(Access{TLS: TLS{CAFile: trusted, ServerName: "hook.example"}}, patience, Options{Now: time.Now})
	defer p.close()
	post := func(s *httptest.Server) error { return p.post(t.Context(), s.URL, nil, []byte("{}"), nil) }
	one, two := serve(first), serve(second)
	if err := post(one); err != nil {
		t.Fatal(err)
	}
	if err := post(two); err == nil {
		t.Fatal("a server is trusted that is not to be")
	}
	replace(read(second)[:100])
	if err := post(one); err != nil {
		t.Errorf("with half a file: %v", err)
	}
	replace(append(read(second), read(first)...))
	if err := post(two); err != nil {
		t.Errorf("with the new file: %v", err)
	}
	replace(append(read(second), '\n'))
	if err := post(one); err == nil {
		t.Error("the old authority is still trusted")
	}
}

// TestProxyFromEnvironment runs this test again in a process of its own, as the
// environment is looked at once.
func TestProxyFromEnvironment(t *testing.T) {
	const marker = "NOTIFY_TEST_PROXIED"
	if os.Getenv(marker) != "" {
		w := newWebhook("hook", WebhookConfig{URL: "http://hook.invalid/x"}, Options{Now: time.Now})
		defer w.close()
		if err := w.Send(t.Context(), sample(1)); err != nil {
			t.Error(err)
		}
		return
	}
	asked := make(chan string, 1)
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.URL.String() }))
	defer proxy.Close()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProxyFromEnvironment$")
	cmd.Env = append(os.Environ(), marker+"=1", "http_proxy="+proxy.URL, "HTTP_PROXY="+proxy.URL, "NO_PROXY=", "no_proxy=", "REQUEST_METHOD=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	select {
	case got := <-asked:
		if !strings.HasPrefix(got, "http://hook.invalid/x") {
			t.Errorf("the proxy was asked for %s", got)
		}
	default:
		t.Error("the proxy was not asked")
	}
}

// TestBearerToken: the token is read each time.
func TestBearerToken(t *testing.T) {
	in := newInbox(t, nil)
	token := file(t, "token", "one\n")
	p := newPoster(Access{BearerTokenFile: token}, patience, Options{Now: time.Now})
	defer p.close()
	for _, want := range []string{"one", "two"} {
		if err := os.WriteFile(token, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := p.post(t.Context(), in.URL, nil, nil, nil); err != nil {
			t.Fatal(err)
		}
		_, heads := in.requests()
		if got := heads[len(heads)-1].Get("Authorization"); got != "Bearer "+want {
			t.Errorf("got %q, want %q", got, "Bearer "+want)
		}
	}
}

// TestNoHost: what has no address is somebody's fault who may mend it.
func TestNoHost(t *testing.T) {
	p := newPoster(Access{}, time.Second, Options{Now: time.Now})
	defer p.close()
	err := p.post(t.Context(), "http://"+net.JoinHostPort("no-such-host.invalid", "80"), nil, nil, nil)
	if err == nil || asFailure(err).tries != triesUnlimited {
		t.Errorf("got %v", err)
	}
}
