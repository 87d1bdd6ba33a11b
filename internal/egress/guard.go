// Package egress makes every connection of the program to somewhere else: one
// guarded dialler, so that no address that others chose leads into the school's
// own network.
package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/tokendesk/tokendesk/lti/loopback"
)

// Deadlines of every call to somewhere else.
const (
	// DialTimeout is how long one address may take to connect.
	DialTimeout   = 5 * time.Second
	headerTimeout = 30 * time.Second
	callTimeout   = 60 * time.Second
)

// ErrPrivate is why a connection was not made. It does not name the address: a
// name that somebody else chose must not tell them what it resolves to here.
var ErrPrivate = errors.New("the address is not on the public internet; a registration made with -allow-private admits private ones")

// Guard makes every connection of the program to somewhere else, so that no
// address that others chose (a registration, a redirect, a DNS answer) leads
// into the school's own network (docs/decisions.md 12). It checks the address that is
// dialled, after its name was resolved, so a name cannot change in between.
//
// Loopback is reached by its own names only (localhost, names under it, 127/8,
// ::1), which an operator wrote. Link-local addresses, where clouds keep their
// credentials, are never reached.
type Guard struct {
	// private reports whether a host may have a private address.
	private func(host string) bool
	lookup  func(ctx context.Context, host string) ([]netip.Addr, error)
	dialer  net.Dialer
}

// New makes a guard. private reports whether a host may have a private address; it
// is asked at every connection that would reach one, by several at once.
func New(private func(host string) bool) *Guard {
	return &Guard{
		private: private,
		lookup: func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		},
		dialer: net.Dialer{Timeout: DialTimeout, KeepAlive: 30 * time.Second},
	}
}

// Dial connects to addr as net.Dialer does, if the guard admits it. A refusal is a
// *net.OpError of the operation "dial" around ErrPrivate.
func (g *Guard) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	addrs, err := g.admit(ctx, host)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	var failed error
	for _, a := range addrs {
		c, err := g.dialer.DialContext(ctx, network, net.JoinHostPort(a.String(), port))
		if err == nil {
			return c, nil
		}
		failed = errors.Join(failed, err)
	}
	return nil, failed
}

// admit resolves a host and returns the addresses that may be dialled. One that
// may not be dialled refuses the host: a name that is half private is a trick.
func (g *Guard) admit(ctx context.Context, host string) ([]netip.Addr, error) {
	literal, notLiteral := netip.ParseAddr(host)
	switch {
	case loopback.Host(host) && notLiteral != nil:
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}, nil //nolint:nilerr // a name is no literal: that is the case
	case loopback.Host(host):
		return []netip.Addr{literal.Unmap()}, nil
	}
	addrs := []netip.Addr{literal}
	if notLiteral != nil {
		var err error
		if addrs, err = g.lookup(ctx, host); err != nil {
			return nil, fmt.Errorf("%s: %w", host, err)
		}
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("%s has no address", host)
	}
	for i, a := range addrs {
		addrs[i] = a.Unmap()
		switch kindOf(addrs[i]) {
		case public:
		case private:
			if !g.private(host) {
				return nil, ErrPrivate
			}
		default:
			return nil, ErrPrivate
		}
	}
	return addrs, nil
}

type addressKind int

const (
	reserved addressKind = iota // never dialled
	private
	public
)

// Networks that netip has no question for (IANA special-purpose registries).
var (
	sharedNet    = netip.MustParsePrefix("100.64.0.0/10") // carriers and clouds use it like a private one
	reservedNets = prefixes("0.0.0.0/8", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
		"240.0.0.0/4", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "64:ff9b:1::/48", "fec0::/10")
	nat64 = netip.MustParsePrefix("64:ff9b::/96")
)

func prefixes(all ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(all))
	for i, s := range all {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

func kindOf(a netip.Addr) addressKind {
	if nat64.Contains(a) { // an IPv4 address in other clothes
		b := a.As16()
		return kindOf(netip.AddrFrom4([4]byte(b[12:])))
	}
	for _, p := range reservedNets {
		if p.Contains(a) {
			return reserved
		}
	}
	switch {
	case !a.IsValid(), a.Zone() != "", a.IsUnspecified(), a.IsLoopback(), a.IsMulticast(), a.IsLinkLocalUnicast(), a.IsInterfaceLocalMulticast():
		return reserved
	case a.IsPrivate(), sharedNet.Contains(a):
		return private
	case a.IsGlobalUnicast():
		return public
	}
	return reserved
}

// Client is an HTTP client that connects through the guard. It follows no
// redirect: one could carry a credential to wherever it points. It uses no
// proxy from the environment: that would dial in the guard's place.
func (g *Guard) Client() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:           g.Dial,
			TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:   DialTimeout,
			ResponseHeaderTimeout: headerTimeout,
			ExpectContinueTimeout: time.Second,
			IdleConnTimeout:       90 * time.Second,
			MaxIdleConns:          100,
			MaxIdleConnsPerHost:   16,
			ForceAttemptHTTP2:     true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       callTimeout,
	}
}
