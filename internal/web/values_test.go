package web_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/session"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/internal/web/webtest"
)

// TestAValueComesBackNowhere walks the whole table of routes with a token's value in
// every parameter of the address and every field of a form, however the form is
// broken or refused: it is on no page and in no header, and not in the log, the
// database or the figures. A page that reads it in the address is its own reader's,
// who typed it there, and says it no more.
func TestAValueComesBackNowhere(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	r := s.rig
	people := s.launch()
	piece := s.value[len(s.value)-20:]
	seen := map[string]bool{}
	look := func(what string, b *webtest.Browser) {
		t.Helper()
		told := strings.Contains(b.Body, piece)
		for name, values := range b.Header {
			told = told || strings.Contains(name+strings.Join(values, " "), piece)
		}
		if told && !seen[what] {
			seen[what] = true
			t.Errorf("%s answers %d with the value", what, b.Status)
		}
	}
	names := s.fields()
	all := func(value string) url.Values {
		v := url.Values{}
		for _, name := range names {
			v.Set(name, value)
		}
		return v
	}
	sentence := "It is " + s.value + ", seen in a chat."
	texts := map[string]string{"alone": s.value, "in a sentence": sentence, "behind a shard": "7~" + s.value, "in a link": "https://x.example/?access_token=" + s.value + "#"}

	for _, line := range s.routes() {
		method, route, _ := strings.Cut(line, " ")
		path := s.path(route)
		for who, b := range people {
			if method == http.MethodGet {
				h := webtest.SameOrigin()
				h.Set(session.Header, b.handle)
				look(who+": GET "+route, b.Send(method, path+"?"+all(sentence).Encode(), nil, h))
			}
		}
		// One at a time, too: a filter that is none makes a list forget the others.
		for i := 0; method == http.MethodGet && !strings.Contains(route, ":") && i < len(names); i++ {
			b := people["dana"]
			h := webtest.SameOrigin()
			h.Set(session.Header, b.handle)
			look(fmt.Sprintf("GET %s?%s=", route, names[i]), b.Send(method, path+"?"+url.Values{names[i]: {sentence}}.Encode(), nil, h))
		}
		if where, _, has := strings.Cut(route, ":id"); has && method == http.MethodGet {
			b := people["dana"]
			b.Body = b.page
			look("the address of "+route, b.Get(where+s.value))
		}
		if method == http.MethodPost && slices.Contains(protocol, route) {
			visitor := &webtest.Browser{Rig: r, Cookies: map[string]string{}}
			for how, text := range texts {
				look("POST "+route+", "+how, visitor.Send(method, path, all(text), nil))
			}
		}
	}
	for _, path := range []string{"/requests/REQ-0003/sponsor?q=", "/tokens/" + s.ids["token"] + "/sponsor?q="} {
		b := people["maya"]
		b.Body = b.page
		look("GET "+path, b.Get(path+s.value))
	}
	for _, p := range s.presses {
		b := people[p.who]
		for how, text := range texts {
			what := fmt.Sprintf("%s: POST %s, %s", p.who, p.route, how)
			send := func(broken string, header http.Header, form url.Values, rest string) {
				t.Helper()
				form = maps.Clone(form)
				if broken != "the cookie alone" {
					form.Set(session.Field, b.handle)
				}
				header.Set("Content-Type", "application/x-www-form-urlencoded")
				look(what+", "+broken, sendBody(b.Browser, p.path, form.Encode()+rest, header))
			}
			every := all(text)
			for name, values := range p.fields {
				if name == "do" {
					every[name] = values
				}
			}
			if text == sentence {
				send("another site", http.Header{"Sec-Fetch-Site": {"cross-site"}}, every, "")
				send("the cookie alone", webtest.SameOrigin(), every, "")
				send("a field that comes twice", webtest.SameOrigin(), every, "&y=1&y=2")
				send("a broken escape", webtest.SameOrigin(), every, "&y=%zz")
			}
			send("every field", webtest.SameOrigin(), every, "")
			// All that could be done with it, except what the form cannot go without.
			good := maps.Clone(every)
			for name, values := range p.fields {
				if name != "reason" && name != "seen" {
					good[name] = values
				}
			}
			send("a good form", webtest.SameOrigin(), good, "")
		}
	}
	if strings.Contains(r.Logs.String(), piece) {
		for line := range strings.Lines(r.Logs.String()) {
			if strings.Contains(line, piece) {
				t.Errorf("the log holds the value: %.400s", line)
			}
		}
	}
	storetest.DumpURL(t, r.DB, func(table, column, cell string) {
		if strings.Contains(cell, piece) {
			t.Errorf("%s.%s holds the value", table, column)
		}
	})
	if text, _ := figures(r); strings.Contains(text, piece) {
		t.Error("the figures hold the value")
	}
}

// fields are the names of all parameters and fields that the pages read, that their
// forms have, and one that nobody knows.
func (s *scene) fields() []string {
	s.rig.T.Helper()
	known := map[string]bool{"x": true}
	for _, name := range fields(s.rig.T) {
		known[name] = true
	}
	for _, q := range policy.BuiltInQuestions() {
		known[q.Key] = true
	}
	on := func(b *webtest.Browser) {
		for n := range webtest.Parse(s.rig.T, b.Body).Descendants() {
			if name := webtest.Attr(n, "name"); name != "" && n.Data != "meta" && n.Data != "form" {
				known[name] = true
			}
		}
	}
	people := s.launch()
	for _, o := range people {
		for _, line := range s.routes() {
			if method, route, _ := strings.Cut(line, " "); method == http.MethodGet && !strings.HasPrefix(route, "/static/") {
				o.Body = o.page
				on(o.Get(s.path(route)))
			}
		}
	}
	for _, do := range []access.Action{access.TellOwner, access.Adopt, access.Allow, access.Remove} {
		on(people["dana"].press(press{path: "/unmanaged/pick", fields: url.Values{"do": {string(do)}, "pick": {s.ids["found"]}}}))
	}
	delete(known, session.Field)
	for _, must := range []string{"build", "reason", "conditions", "alternative_text", "message", "seen", "suspect", "q", "after", "number"} {
		if !known[must] {
			s.rig.T.Fatalf("the field %s is not found: the walk sees too little", must)
		}
	}
	return slices.Sorted(maps.Keys(known))
}
