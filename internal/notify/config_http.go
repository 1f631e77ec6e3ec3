package notify

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"strings"
)

// secretAtMost bounds a file with a secret, in bytes.
const secretAtMost = 64 << 10

// Access says how to get to a server by HTTP. A proxy is taken from the
// environment: HTTP_PROXY, HTTPS_PROXY, NO_PROXY.
type Access struct {
	BasicAuth BasicAuth `mapstructure:"basic-auth"`
	// BearerTokenFile holds a token for the Authorization header. It is read
	// at each attempt, as are all files with secrets.
	BearerTokenFile string `mapstructure:"bearer-token-file"`
	TLS             TLS    `mapstructure:"tls"`
}

// BasicAuth is a user name and where the password is.
type BasicAuth struct {
	Username     string `mapstructure:"username"`
	PasswordFile string `mapstructure:"password-file"`
}

// TLS is whom to trust and who to be. Files that change are read again.
type TLS struct {
	// CAFile holds the certificates to trust instead of the system's.
	CAFile string `mapstructure:"ca-file"`
	// CertFile and KeyFile are shown to the server.
	CertFile string `mapstructure:"cert-file"`
	KeyFile  string `mapstructure:"key-file"`
	// ServerName is expected in its certificate; default: the host of the URL.
	ServerName         string `mapstructure:"server-name"`
	InsecureSkipVerify bool   `mapstructure:"insecure-skip-verify"`
}

func (a Access) check(p problems) {
	checkFile(a.BearerTokenFile, "bearer-token-file", p)
	checkFile(a.BasicAuth.PasswordFile, "basic-auth.password-file", p)
	checkFile(a.TLS.CAFile, "tls.ca-file", p)
	checkFile(a.TLS.CertFile, "tls.cert-file", p)
	checkFile(a.TLS.KeyFile, "tls.key-file", p)
	if a.BasicAuth.PasswordFile != "" && a.BasicAuth.Username == "" {
		p.add("basic-auth.username", "is missing")
	}
	if a.BasicAuth.Username != "" && a.BasicAuth.PasswordFile == "" {
		p.add("basic-auth.password-file", "is missing")
	}
	if a.BasicAuth.Username != "" && a.BearerTokenFile != "" {
		p.add("bearer-token-file", "only one of it and basic-auth can be in the Authorization header")
	}
	if (a.TLS.CertFile == "") != (a.TLS.KeyFile == "") {
		p.add("tls", "cert-file and key-file belong together")
	}
	if a.TLS.CertFile == "" && a.TLS.KeyFile == "" {
		checkTLS(a.TLS, p)
		return
	}
	if _, err := tls.LoadX509KeyPair(a.TLS.CertFile, a.TLS.KeyFile); err != nil && !errors.As(err, new(*fs.PathError)) {
		p.add("tls.cert-file", "%v", err)
	}
	checkTLS(a.TLS, p)
}

func checkTLS(t TLS, p problems) {
	if _, err := t.roots(); err != nil && !errors.As(err, new(*fs.PathError)) {
		p.add("tls.ca-file", "%v", err)
	}
}

// checkFile complains about a file that is not there.
func checkFile(path, key string, p problems) {
	if path == "" {
		return
	}
	switch info, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		p.add(key, "%v", err)
	case err == nil && info.IsDir():
		p.add(key, "%s is a folder", path)
	}
}

// checkURL complains about what is no address of a server.
func checkURL(s, key string, p problems) {
	u, err := url.Parse(s)
	switch {
	case s == "":
		p.add(key, "is missing")
	case err != nil:
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err // without the URL: it may hold a secret
		}
		p.add(key, "%v", err)
	case u.Scheme != "http" && u.Scheme != "https":
		p.add(key, "must begin with http:// or https://")
	case u.Host == "" || u.Hostname() == "":
		p.add(key, "has no host")
	case u.User != nil:
		p.add(key, "holds a user name: put it into basic-auth, and the password into a file")
	case u.Fragment != "":
		p.add(key, "#%s is never sent to a server", u.Fragment)
	}
}

// roots returns whom to trust; nil stands for whom the system trusts.
func (t TLS) roots() (*x509.CertPool, error) {
	if t.CAFile == "" {
		return nil, nil
	}
	text, err := os.ReadFile(t.CAFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate in PEM format", t.CAFile)
	}
	return pool, nil
}

// config reads the files.
func (t TLS) config() (*tls.Config, error) {
	roots, err := t.roots()
	if err != nil {
		return nil, err
	}
	c := &tls.Config{
		RootCAs: roots, ServerName: t.ServerName, MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: t.InsecureSkipVerify,
	}
	if t.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// stamp changes when one of the files does.
func (t TLS) stamp() string {
	var b strings.Builder
	for _, path := range []string{t.CAFile, t.CertFile, t.KeyFile} {
		if path == "" {
			continue
		}
		if info, err := os.Stat(path); err == nil {
			fmt.Fprintf(&b, "%d/%d ", info.Size(), info.ModTime().UnixNano())
		}
	}
	return b.String()
}

// readSecret reads a secret, without the white space around it.
func readSecret(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, secretAtMost+1))
	secret := strings.TrimSpace(string(text))
	switch {
	case err != nil:
		return "", err
	case len(text) > secretAtMost:
		return "", fmt.Errorf("%s: more than %d bytes", path, secretAtMost)
	case secret == "":
		return "", fmt.Errorf("%s: is empty", path)
	}
	return secret, nil
}
