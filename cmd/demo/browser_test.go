package main

import (
	"net/url"
	"testing"
)

func TestReadingPages(t *testing.T) {
	at, err := url.Parse("http://127.0.0.1:8081/courses/1/external_tools/5")
	if err != nil {
		t.Fatal(err)
	}
	action, fields, ok := selfSubmitted(page{url: at, body: `
		<form action="/search"><input name="q"></form>
		<form method="post" action="http://localhost:8080/lti/login">
		<input type="hidden" name="iss" value="https://canvas.example">
		<input type="hidden" name="login_hint" value="a&amp;b&#34;c"></form>`})
	if !ok || action != "http://localhost:8080/lti/login" || fields.Get("login_hint") != `a&b"c` || fields.Get("iss") == "" || fields.Has("q") {
		t.Errorf("login form: %v %q %v", ok, action, fields)
	}
	action, fields, ok = selfSubmitted(page{url: at, body: `<form method="post" action="/lti/launch"><input type="hidden" name="id_token" value="x.y.z"></form>`})
	if !ok || action != "http://127.0.0.1:8081/lti/launch" || fields.Get("id_token") != "x.y.z" {
		t.Errorf("launch form: %v %q %v", ok, action, fields)
	}
	if _, _, ok := selfSubmitted(page{url: at, body: `<form action="/requests"><input name="purpose"></form>`}); ok {
		t.Error("an ordinary form was submitted")
	}
	if got := sessionHandle(`<meta charset="utf-8"><meta name="tool-session" content="ABC">`); got != "ABC" {
		t.Errorf("handle %q", got)
	}
	if got := sessionHandle(`<meta name="viewport" content="ABC">`); got != "" {
		t.Errorf("a handle where there is none: %q", got)
	}
}
