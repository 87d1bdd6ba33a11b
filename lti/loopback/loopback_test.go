package loopback

import (
	"net/netip"
	"strings"
	"testing"
)

func TestHost(t *testing.T) {
	t.Parallel()
	const no, name, literal = 0, 1, 2
	for host, want := range map[string]int{
		"localhost": name, "LOCALHOST.": name, "tool.localhost": name, "Tool.LocalHost": name, "localhost:3000": name, "a.b.localhost.:80": name,
		"127.0.0.1": literal, "127.9.9.9": literal, "::1": literal, "::ffff:127.0.0.1": literal, "0:0:0:0:0:0:0:1": literal,
		"[::1]:3000": literal, "[::1]": literal, "127.0.0.1:80": literal,
		"": no, "localhost.example": no, "localhost.example:80": no, "notlocalhost": no, "local-host": no, "localhost..": no,
		"10.0.0.1": no, "10.0.0.1:80": no, "0.0.0.0": no, "128.0.0.1": no, "126.255.255.255": no, "127.1": no, "2130706433": no, "0x7f.0.0.1": no,
		"127.0.0.1.example": no, "::": no, "::2": no, "::1%lo": no, "[::1%lo]:80": no, "::ffff:10.0.0.1": no,
	} {
		if Host(host) != (want != no) || Name(host) != (want == name) {
			t.Errorf("%q: Host %t, Name %t", host, Host(host), Name(host))
		}
	}
}

// What counts as this machine is one by its spelling, and neither case nor a port
// makes it another.
func FuzzHost(f *testing.F) {
	for _, host := range []string{"localhost", "x.LOCALHOST.", "127.0.0.1", "127.0.0.1.", "::1", "[::1]", "[::1]:80", "::ffff:127.0.0.1", "::1%lo", "10.0.0.1:1", "[localhost", "a:b:c"} {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, host string) {
		is := Host(host)
		if Name(host) && !is {
			t.Errorf("%q is a name of this machine and no host of it", host)
		}
		if is && !Host(strings.ToUpper(host)) {
			t.Errorf("the case of %q matters", host)
		}
		if !strings.ContainsAny(host, ":[]") && is != Host(host+":8080") {
			t.Errorf("a port makes another host of %q", host)
		}
		if literal, err := netip.ParseAddr(host); err == nil && is != (literal.Unmap().IsLoopback() && literal.Zone() == "") {
			t.Errorf("%q as an address: %t", host, is)
		}
	})
}
