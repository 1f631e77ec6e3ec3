package web

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// policy allows the page its own files and nothing else, and no script to make
// markup of text.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// guard refuses what is not a read from somebody who may read, and tells
// browsers to keep others out.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.Set("Cache-Control", "no-store")
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			fail(w, http.StatusMethodNotAllowed, "this server only reads: GET and HEAD")
		case !s.nameAllowed(r):
			fail(w, http.StatusMisdirectedRequest, "this address is not known by the name "+r.Host+
				": use an IP address or localhost, or add the name to the configuration")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// nameAllowed guards against a page of somebody else whose name was made to
// mean this host (DNS rebinding): the browser then believes that the page and
// this server are one site. Such a page cannot choose what the browser writes
// into Host. On a loopback address nobody but this host and its tunnels has
// reason to call, so names other than localhost are refused. Elsewhere clients
// come by whatever name the host has, and authentication must do.
func (s *Server) nameAllowed(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return true
	}
	at, err := netip.ParseAddrPort(local.String())
	if err != nil || !at.Addr().Unmap().IsLoopback() {
		return true
	}
	name := strings.ToLower(strings.TrimSuffix(hostOnly(r.Host), "."))
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return true // no name, nothing to rebind
	}
	return name == "" || name == "localhost" || strings.HasSuffix(name, ".localhost") || s.hosts[name]
}

// hostOnly cuts off the port.
func hostOnly(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return hostport
}
