package canvas

import (
	"strings"
	"time"
)

// Endpoint is what a call asks for: method and path as Canvas documents them,
// with :id in the place of every id.
type Endpoint string

// The endpoints that are not of the API, or not on the list.
const (
	EndpointFile  Endpoint = "report file"
	EndpointOther Endpoint = "other"
)

var endpoints = []Endpoint{
	"GET accounts/:id",
	"GET accounts/:id/admins",
	"GET accounts/:id/features/enabled",
	"GET accounts/:id/permissions",
	"GET accounts/:id/reports",
	"GET accounts/:id/reports/user_access_tokens_csv/:id",
	"GET accounts/:id/roles/:id",
	"GET accounts/:id/sub_accounts",
	"GET conversations",
	"GET conversations/:id",
	"GET courses/:id",
	"GET courses/:id/enrollments",
	"GET courses/:id/users",
	"GET users/:id",
	"GET users/:id/enrollments",
	"GET users/:id/logins",
	"GET users/:id/profile",
	"GET users/:id/tokens/:id",
	"GET users/:id/user_generated_tokens",
	"POST accounts/:id/reports/user_access_tokens_csv",
	"POST conversations",
	"POST users/:id/tokens",
	"PUT users/:id/tokens/:id",
	"DELETE users/:id/tokens/:id",
	EndpointFile,
	EndpointOther,
}

// Endpoints returns every Endpoint that an Observer can be told of.
func Endpoints() []Endpoint { return append([]Endpoint{}, endpoints...) }

// endpoint finds what a call asks for on the list. Nothing of the path itself is
// ever returned.
func (c call) endpoint() Endpoint {
	parts := strings.Split(c.path, "/")
	for _, e := range endpoints {
		if e.is(c.method, parts) {
			return e
		}
	}
	return EndpointOther
}

func (e Endpoint) is(method string, parts []string) bool {
	of, path, _ := strings.Cut(string(e), " ")
	want := strings.Split(path, "/")
	if of != method || len(want) != len(parts) {
		return false
	}
	for i := range want {
		if want[i] != ":id" && want[i] != parts[i] {
			return false
		}
	}
	return true
}

// Observer is told of each call that was sent: each page of a list and each try
// of a read that was throttled is one. It is told nothing else of it, so that
// neither ids nor what Canvas said can come from here. It is called by many calls
// at once, and they wait for it.
type Observer interface {
	// CanvasCall has the kind of the call's error, or "" where there was none, and
	// how long the answer took to come whole; of a report's file, how long it took
	// to be read.
	CanvasCall(endpoint Endpoint, kind Kind, took time.Duration)
}

func (c *Client) observe(endpoint Endpoint, kind Kind, took time.Duration) {
	if c.cfg.Observer != nil {
		c.cfg.Observer.CanvasCall(endpoint, kind, took)
	}
}
