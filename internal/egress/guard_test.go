package egress

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func addrs(all ...string) func(context.Context, string) ([]netip.Addr, error) {
	return func(context.Context, string) ([]netip.Addr, error) {
		var out []netip.Addr
		for _, a := range all {
			out = append(out, netip.MustParseAddr(a))
		}
		return out, nil
	}
}

func TestGuardAdmits(t *testing.T) {
	for name, tc := range map[string]struct {
		host         string
		resolves     []string
		allowPrivate bool
		admitted     bool
	}{
		"a public name":                                    {"canvas.example.edu", []string{"8.8.8.8", "2600::1"}, false, true},
		"a public address":                                 {"8.8.8.8", nil, false, true},
		"localhost, by us":                                 {"localhost", []string{"8.8.8.8"}, false, true},
		"a name under localhost, by us":                    {"canvas.localhost", []string{"8.8.8.8"}, false, true},
		"127.0.0.1":                                        {"127.0.0.1", nil, false, true},
		"any address of 127/8":                             {"127.8.9.1", nil, false, true},
		"::1":                                              {"::1", nil, false, true},
		"a private name":                                   {"canvas.example.edu", []string{"10.1.2.3"}, false, false},
		"a private name, allowed":                          {"canvas.example.edu", []string{"10.1.2.3"}, true, true},
		"a private address":                                {"192.168.1.1", nil, false, false},
		"a private address, allowed":                       {"192.168.1.1", nil, true, true},
		"a unique local address":                           {"fd00::1", nil, false, false},
		"a unique local address, allowed":                  {"fd00::1", nil, true, true},
		"the carriers' shared network":                     {"100.64.0.1", nil, false, false},
		"one public and one private answer":                {"canvas.example.edu", []string{"8.8.8.8", "10.0.0.1"}, false, false},
		"a name that leads to loopback":                    {"rebound.example", []string{"127.0.0.1"}, false, false},
		"a name that leads to loopback, private allowed":   {"rebound.example", []string{"127.0.0.1"}, true, false},
		"the metadata service":                             {"169.254.169.254", nil, false, false},
		"the metadata service, private allowed":            {"169.254.169.254", nil, true, false},
		"the metadata service by name":                     {"meta.example", []string{"169.254.169.254"}, true, false},
		"link-local of IPv6":                               {"fe80::1", nil, true, false},
		"a zone":                                           {"fe80::1%eth0", nil, true, false},
		"IPv4 in IPv6":                                     {"::ffff:10.0.0.1", nil, false, false},
		"loopback in IPv6 clothes, by name":                {"rebound.example", []string{"::ffff:127.0.0.1"}, true, false},
		"a private address behind NAT64":                   {"64:ff9b::a00:1", nil, false, false},
		"a public address behind NAT64":                    {"64:ff9b::808:808", nil, false, true},
		"an address of 6to4":                               {"2002:7f00:1::", nil, true, false},
		"the unspecified address":                          {"0.0.0.0", nil, true, false},
		"the unspecified address of IPv6":                  {"::", nil, true, false},
		"multicast":                                        {"224.0.0.1", nil, true, false},
		"broadcast":                                        {"255.255.255.255", nil, true, false},
		"documentation":                                    {"192.0.2.1", nil, true, false},
		"a name that is spelt like loopback and is not it": {"localhost.example.edu", []string{"10.0.0.1"}, false, false},
		"no answer":                                        {"canvas.example.edu", []string{}, true, false},
	} {
		g := New(func(string) bool { return tc.allowPrivate })
		g.lookup = addrs(tc.resolves...)
		got, err := g.admit(t.Context(), tc.host)
		if (err == nil) != tc.admitted {
			t.Errorf("%s: admit(%s) = %v, %v", name, tc.host, got, err)
		}
		if tc.resolves != nil && strings.HasSuffix(tc.host, "localhost") {
			for _, a := range got {
				if !a.IsLoopback() {
					t.Errorf("%s: %s was resolved by DNS to %s", name, tc.host, a)
				}
			}
		}
		if errors.Is(err, ErrPrivate) && strings.ContainsAny(err.Error(), "0123456789") {
			t.Errorf("%s: the refusal tells an address: %v", name, err)
		}
	}
}

func TestGuardedClient(t *testing.T) {
	reached := 0
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached++
		if r.URL.Path == "/away" {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}
	}))
	defer far.Close()
	_, port, err := net.SplitHostPort(far.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	g := New(func(string) bool { return true })
	g.lookup = addrs("127.0.0.1")
	get := func(url string) (*http.Response, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := g.Client().Do(req)
		if err == nil {
			_ = res.Body.Close()
		}
		return res, err
	}
	if _, err := get("http://far.localhost:" + port); err != nil || reached != 1 {
		t.Errorf("a loopback name does not reach the server: %v", err)
	}
	if _, err := get("http://rebound.example:" + port); !errors.Is(err, ErrPrivate) || reached != 1 {
		t.Errorf("a foreign name reached the loopback server: %v", err)
	}
	res, err := get("http://127.0.0.1:" + port + "/away")
	if err != nil || res.StatusCode != http.StatusFound || reached != 2 {
		t.Errorf("a redirect was followed: %v, %d requests", err, reached)
	}
}
