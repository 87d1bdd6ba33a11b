package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// address is a loopback port with a listener for each family: localhost and
// every name under it mean 127.0.0.1 and ::1, and a browser that tried the other
// one first would meet somebody else's program there.
type address struct {
	listeners []net.Listener
	port      int
}

func (a address) close() {
	for _, l := range a.listeners {
		_ = l.Close() // it is not served
	}
}

// listen opens hostport. A busy one is replaced by a free port if mayMove, which
// is for defaults that nobody asked for; moved tells.
func listen(ctx context.Context, hostport string, mayMove bool) (a address, moved bool, err error) {
	host, text, err := net.SplitHostPort(hostport)
	if err != nil {
		return address{}, false, fmt.Errorf("%q is not host:port, such as 127.0.0.1:8080", hostport)
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < 0 || port > 65535 {
		return address{}, false, fmt.Errorf("%q does not end in a port number", hostport)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return address{}, false, fmt.Errorf("%q is not on this machine: anybody may sign in as anybody here, so only loopback addresses are served", hostport)
	}
	a, err = both(ctx, port)
	if mayMove && errors.Is(err, syscall.EADDRINUSE) {
		a, err = both(ctx, 0)
		moved = true
	}
	return a, moved, err
}

// triesForBoth bounds the search for a port that is free in both families.
const triesForBoth = 20

func both(ctx context.Context, port int) (address, error) {
	var err error
	for range triesForBoth {
		var a address
		if a, err = oneOfBoth(ctx, port); err == nil || port != 0 {
			return a, err
		}
	}
	return address{}, err
}

func oneOfBoth(ctx context.Context, port int) (address, error) {
	var config net.ListenConfig
	four, err := config.Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return address{}, err
	}
	a := address{listeners: []net.Listener{four}}
	if at, ok := four.Addr().(*net.TCPAddr); ok {
		a.port = at.Port
	}
	six, err := config.Listen(ctx, "tcp6", net.JoinHostPort("::1", strconv.Itoa(a.port)))
	switch {
	case err == nil:
		a.listeners = append(a.listeners, six)
	case errors.Is(err, syscall.EADDRINUSE):
		a.close()
		return address{}, err
	}
	// Any other error: this machine has no IPv6, and no browser here tries it.
	return a, nil
}
