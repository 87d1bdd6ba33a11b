// Package loopback says which hosts are this machine. There is one rule, because
// one part that refuses such a host and another that connects to it must mean the
// same.
package loopback

import (
	"net"
	"strings"
)

// Host reports whether host, with or without a port, names this machine: a Name,
// 127.0.0.0/8 or ::1. An address with a zone is none.
func Host(host string) bool {
	host = bare(host)
	ip := net.ParseIP(host)
	return named(host) || ip != nil && ip.IsLoopback()
}

// Name reports whether host, with or without a port, is localhost or any name
// under .localhost (RFC 6761), in any case. Browsers and the guarded dialler look
// such a name up nowhere.
func Name(host string) bool { return named(bare(host)) }

func named(host string) bool { return host == "localhost" || strings.HasSuffix(host, ".localhost") }

// bare is host without port, brackets and the dot at its end, in lower case.
func bare(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if inside, ok := strings.CutPrefix(host, "["); ok {
		host = strings.TrimSuffix(inside, "]")
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}
