package canvas_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/canvas"
)

const listRoute = "/api/v1/users/42/user_generated_tokens"

// paged serves tokens 1…n, size to a page, with bookmarks; link writes the
// address of the next page.
func paged(n, size int, link func(r *http.Request, page string) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := 0
		_, _ = fmt.Sscanf(r.URL.Query().Get("page"), "bookmark:%d", &from)
		to := min(from+size, n)
		var rows []string
		for i := from; i < to; i++ {
			rows = append(rows, tokenBody(map[string]any{"id": fmt.Sprint(1000 + i)}))
		}
		head := fmt.Sprintf(`<%s>; rel="current"`, link(r, "first"))
		if to < n {
			head += fmt.Sprintf(`,<%s>; rel="next"`, link(r, fmt.Sprintf("bookmark:%d", to)))
		}
		reply{header: map[string]string{"Link": head}, body: "[" + strings.Join(rows, ",") + "]"}.ServeHTTP(w, r)
	})
}

func relative(r *http.Request, page string) string {
	return r.URL.Path + "?page=" + page + "&per_page=" + r.URL.Query().Get("per_page")
}

func absolute(r *http.Request, page string) string { return "http://" + r.Host + relative(r, page) }

func TestListsAreReadToTheirEnd(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		n, size, calls int
		link           func(*http.Request, string) string
	}{
		"nothing":                           {0, 3, 1, relative},
		"one page":                          {3, 3, 1, relative},
		"many pages, links without a host":  {10, 3, 4, relative},
		"many pages, links with a host":     {10, 3, 4, absolute},
		"more rows than we asked for":       {250, 250, 1, absolute},
		"a host in other letters is itself": {4, 3, 2, func(r *http.Request, p string) string { return "HTTP://" + r.Host + relative(r, p) }},
	} {
		s := start(t, map[string]http.Handler{"GET " + listRoute: paged(tc.n, tc.size, tc.link)})
		got, err := s.client().ListTokens(t.Context(), "42")
		if err != nil || len(got) != tc.n {
			t.Errorf("%s: %d tokens, %v; want %d", name, len(got), err, tc.n)
			continue
		}
		for i, token := range got {
			if token.ID != fmt.Sprint(1000+i) {
				t.Errorf("%s: token %d has id %s", name, i, token.ID)
			}
		}
		if calls := s.requests(); len(calls) != tc.calls || !strings.Contains(calls[0].Query, "per_page=100") {
			t.Errorf("%s: %d calls, first %q", name, len(calls), calls[0].Query)
		}
	}
}

func TestAListIsCompleteOrAnError(t *testing.T) {
	t.Parallel()
	row := tokenBody(nil)
	other := always(t, jsonList(`[]`))
	next := func(target string) map[string]string {
		return map[string]string{"Link": `</api/v1/x>; rel="current",<` + target + `>; rel="next"`}
	}
	for name, h := range map[string]http.Handler{
		"no word on further pages":      reply{body: "[" + row + "]"},
		"a link header that says none":  reply{header: map[string]string{"Link": "nonsense"}, body: "[" + row + "]"},
		"the next page on another host": reply{header: next(other.URL + listRoute + "?page=2"), body: "[" + row + "]"},
		"the next page on another port": reply{header: next("http://127.0.0.1:1" + listRoute), body: "[" + row + "]"},
		"the next page by another way":  reply{header: next("https://canvas.example.edu" + listRoute), body: "[" + row + "]"},
		"the next page with a user":     reply{header: next("http://user@127.0.0.1" + listRoute), body: "[" + row + "]"},
		"the next page not in the API":  reply{header: next("/login"), body: "[" + row + "]"},
		"the next page is no address":   reply{header: next("http://%zz"), body: "[" + row + "]"},
		"pages in a circle":             reply{header: next(listRoute + "?page=2"), body: "[" + row + "]"},
		"a row without an id":           jsonList("[" + tokenBody(map[string]any{"id": nil}) + "]"),
		"a row without an owner":        jsonList("[" + tokenBody(map[string]any{"user_id": absent}) + "]"),
		"a row without a state":         jsonList("[" + tokenBody(map[string]any{"workflow_state": absent}) + "]"),
		"an object instead of a list":   jsonList(row),
		"null instead of a list":        jsonList("null"),
		"a cut list":                    jsonList("[" + row),
		"the second page fails": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("page") != "" {
				reply{status: 500}.ServeHTTP(w, r)
				return
			}
			reply{header: next(listRoute + "?page=2"), body: "[" + row + "]"}.ServeHTTP(w, r)
		}),
		"the second page is a login page": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("page") != "" {
				reply{header: map[string]string{"Content-Type": "text/html"}, body: "<html>"}.ServeHTTP(w, r)
				return
			}
			reply{header: next(listRoute + "?page=2"), body: "[" + row + "]"}.ServeHTTP(w, r)
		}),
		"a list without end": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			reply{header: next(listRoute + "?page=x" + r.URL.Query().Get("page")), body: "[]"}.ServeHTTP(w, r)
		}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := always(t, h).client().ListTokens(t.Context(), "42")
			wantKind(t, "list", err, canvas.Server)
			if got != nil {
				t.Errorf("%d rows beside an error", len(got))
			}
		})
	}
	if n := len(other.requests()); n != 0 {
		t.Errorf("%d requests carried the credential to another host", n)
	}
}

func TestEraWithoutAListIsNotFound(t *testing.T) {
	t.Parallel()
	_, err := start(t, nil).client().ListTokens(t.Context(), "42")
	wantKind(t, "list", err, canvas.NotFound)
}
