package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// What is read of an answer: enough to say what is wrong, and so little of it
// and for so short a time that an answer without end costs nothing.
const (
	headerAtMost = 32 << 10 // bytes
	bodyAtMost   = 4 << 10  // bytes
	bodyPatience = time.Second
	quoteAtMost  = 200 // bytes of an answer that are told
)

// poster sends documents by HTTP.
type poster struct {
	access Access
	agent  string        // User-Agent
	limit  time.Duration // for one request
	now    func() time.Time

	mu     sync.Mutex
	client *http.Client
	stamp  string // of the TLS files that the client was made with
}

func newPoster(a Access, limit time.Duration, o Options) *poster {
	agent := "tcpdoctor"
	if o.Version != "" {
		agent += "/" + o.Version
	}
	return &poster{access: a, agent: agent, limit: limit, now: o.Now}
}

// post sends a document in JSON. An answer of 2xx that accept does not object to
// is success; accept may be nil.
func (p *poster) post(ctx context.Context, target string, header http.Header, body []byte, accept func(*http.Response) error) error {
	client, err := p.httpClient()
	if err != nil {
		return fmt.Errorf("notify: tls: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, p.limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return failed(triesUndecided, "notify: %w", withoutURL(err))
	}
	maps.Copy(req.Header, header)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", p.agent)
	if err := p.authorize(req); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("notify: %s: %w", req.URL.Host, withoutURL(err))
	}
	defer resp.Body.Close()
	text := beginning(resp.Body, cancel)
	if resp.StatusCode/100 == 2 {
		if accept == nil {
			return nil
		}
		return accept(resp)
	}
	f := failed(triesAfter(resp.StatusCode), "notify: %s: %s%s", req.URL.Host, statusText(resp), quote(text))
	f.after = p.retryAfter(resp)
	return f
}

// triesAfter says how often a message is tried that an answer did not take.
func triesAfter(status int) int {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return triesUnlimited
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return triesRefused
	}
	if status >= 500 {
		return triesBroken
	}
	return triesUndecided
}

// beginning reads a little of a body, and cancels the request if even that takes
// long. What the status line said holds however the body ends.
func beginning(body io.Reader, cancel func()) []byte {
	timer := time.AfterFunc(bodyPatience, cancel)
	defer timer.Stop()
	text, _ := io.ReadAll(io.LimitReader(body, bodyAtMost))
	return text
}

// statusText names a status by its number, and by the name that is registered
// for it: what the server calls it may be anything.
func statusText(r *http.Response) string {
	out := strconv.Itoa(r.StatusCode)
	if name := http.StatusText(r.StatusCode); name != "" {
		out += " " + name
	}
	if r.StatusCode/100 == 3 {
		out += " (redirects are not followed: configure where it leads)"
	}
	return out
}

// quote returns the beginning of an answer, fit to print.
func quote(text []byte) string {
	s := strings.TrimSpace(strings.ToValidUTF8(string(text[:min(len(text), quoteAtMost)]), ""))
	if s == "" {
		return ""
	}
	return fmt.Sprintf(": %q", s)
}

// retryAfter reads how long a server asks to wait (RFC 9110, section 10.2.3).
func (p *poster) retryAfter(r *http.Response) time.Duration {
	value := r.Header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, askedAtMost)
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(0, at.Sub(p.now())), askedAtMost)
	}
	return 0
}

// authorize adds what proves who sends.
func (p *poster) authorize(req *http.Request) error {
	if path := p.access.BearerTokenFile; path != "" {
		token, err := readSecret(path)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if b := p.access.BasicAuth; b.PasswordFile != "" {
		password, err := readSecret(b.PasswordFile)
		if err != nil {
			return err
		}
		req.SetBasicAuth(b.Username, password)
	}
	return nil
}

// httpClient returns a client, a new one where the TLS files changed. While
// they cannot be read the old one serves: they may be half written.
func (p *poster) httpClient() (*http.Client, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	stamp := p.access.TLS.stamp()
	if p.client != nil && stamp == p.stamp {
		return p.client, nil
	}
	c, err := p.access.TLS.config()
	switch {
	case err != nil && p.client != nil:
		return p.client, nil
	case err != nil:
		return nil, err
	case p.client != nil:
		p.client.CloseIdleConnections()
	}
	p.client, p.stamp = newClient(c), stamp
	return p.client, nil
}

func newClient(c *tls.Config) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext,
			TLSClientConfig:        c,
			ForceAttemptHTTP2:      true,
			DisableCompression:     true, // a small answer could unpack to a large one
			MaxIdleConnsPerHost:    1,
			IdleConnTimeout:        2 * time.Minute,
			MaxResponseHeaderBytes: headerAtMost,
		},
		// A POST that is redirected becomes a GET and loses its body.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// close ends the connections that are kept for the next message.
func (p *poster) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.client != nil {
		p.client.CloseIdleConnections()
	}
}

// withoutURL takes the URL out of an error, as its path may be a secret.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
