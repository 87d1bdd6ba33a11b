package main

import (
	"net"
	"strconv"
	"strings"
	"testing"
)

func TestABusyDefaultMovesAndABusyWishFails(t *testing.T) {
	taken, _, err := listen(t.Context(), "127.0.0.1:0", false)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.close()
	busy := "127.0.0.1:" + strconv.Itoa(taken.port)

	other, moved, err := listen(t.Context(), busy, true)
	if err != nil || !moved || other.port == taken.port {
		t.Errorf("a busy default: port %d, moved %v, %v", other.port, moved, err)
	}
	other.close()
	if a, _, err := listen(t.Context(), busy, false); err == nil {
		a.close()
		t.Error("an address that somebody asked for moved silently")
	}
}

func TestAPortOfTheOtherFamilyCounts(t *testing.T) {
	six, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skip("this machine has no IPv6 loopback")
	}
	defer func() { _ = six.Close() }()
	_, port, _ := net.SplitHostPort(six.Addr().String())
	if a, _, err := listen(t.Context(), "127.0.0.1:"+port, false); err == nil {
		a.close()
		t.Error("localhost would lead to somebody else's program by IPv6")
	}
}

func TestOnlyThisMachineIsServed(t *testing.T) {
	for _, wish := range []string{"0.0.0.0:0", ":0", "192.0.2.1:8080", "example.org:8080", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:70000"} {
		a, _, err := listen(t.Context(), wish, true)
		if err == nil {
			a.close()
			t.Errorf("%q was served", wish)
		} else if !strings.Contains(err.Error(), strconv.Quote(wish)) {
			t.Errorf("%q: the error does not name it: %v", wish, err)
		}
	}
}
