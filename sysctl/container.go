package sysctl

import (
	"fmt"
	"strings"
)

// podSafe is what a pod may set without the node's permission, with the Kubernetes
// minor release that allows it (the kubelet's list of safe parameters).
var podSafe = map[Key]int{
	"net.ipv4.ip_local_port_range":        4,
	"net.ipv4.tcp_syncookies":             4,
	"net.ipv4.ping_group_range":           18,
	"net.ipv4.ip_unprivileged_port_start": 22,
	"net.ipv4.ip_local_reserved_ports":    27,
	"net.ipv4.tcp_keepalive_time":         29,
	"net.ipv4.tcp_fin_timeout":            29,
	"net.ipv4.tcp_keepalive_intvl":        29,
	"net.ipv4.tcp_keepalive_probes":       29,
	"net.ipv4.tcp_rmem":                   32,
	"net.ipv4.tcp_wmem":                   32,
}

// PodSafe says whether a pod may set a parameter without the node's permission,
// and since which minor release of Kubernetes 1.
func PodSafe(k Key) (sinceMinor int, ok bool) {
	sinceMinor, ok = podSafe[k]
	return sinceMinor, ok
}

// Elsewhere says how a parameter is set where the parameter tree is read-only, as
// it is in most containers: by whoever starts the container.
func Elsewhere(k Key, value string) string {
	s, ok := Lookup(k)
	if !ok || s.Scope != ScopeNetns {
		return fmt.Sprintf("%s belongs to the host: set it there, for all containers", k)
	}
	value = strings.Join(strings.Fields(value), " ")
	text := fmt.Sprintf("start the container with --sysctl '%s=%s', or name it under securityContext.sysctls of the pod", k, value)
	if minor, safe := PodSafe(k); safe {
		return text + fmt.Sprintf(" (allowed since Kubernetes 1.%d)", minor)
	}
	return text + " (needs the kubelet's --allowed-unsafe-sysctls)"
}
