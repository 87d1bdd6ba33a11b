package canvas

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

const (
	perPage  = "100" // the most that Canvas gives
	pagesMax = 500   // no list of ours is longer; a loop is
)

// list reads every page of a list. It returns all rows or an error, never some
// of them: rights and proofs are decided on what is not in a list.
func list[T any](ctx context.Context, c *Client, op, path string, query url.Values) ([]T, error) {
	return listPages[T](ctx, c, op, path, query, pagesMax, true)
}

// listSome reads at most pages pages, and is content with those.
func listSome[T any](ctx context.Context, c *Client, op, path string, query url.Values, pages int) ([]T, error) {
	return listPages[T](ctx, c, op, path, query, pages, false)
}

func listPages[T any](ctx context.Context, c *Client, op, path string, query url.Values, pages int, whole bool) ([]T, error) {
	if query == nil {
		query = url.Values{}
	}
	query.Set("per_page", perPage)
	cl := call{op: op, method: http.MethodGet, path: path, query: query}
	all := []T{}
	seen := map[string]bool{}
	var rows []T
	a, err := c.do(ctx, cl, &rows)
	for page := 1; ; page++ {
		if err != nil {
			return nil, err
		}
		if rows == nil {
			return nil, unreadable(op, false, a.status, "the answer is not a list", nil)
		}
		all = append(all, rows...)
		next, e := c.next(op, a)
		switch {
		case e != nil:
			return nil, e
		case next == "":
			return all, nil
		case seen[next]:
			return nil, unreadable(op, false, a.status, "the pages of the list go in a circle", nil)
		case page >= pages && whole:
			return nil, unreadable(op, false, a.status, "the list has too many pages", nil)
		case page >= pages:
			return all, nil
		}
		seen[next] = true
		rows = nil
		a, err = c.doURL(ctx, cl, next, &rows)
	}
}

// next returns the address of the page after a, or "" after the last one.
// Canvas writes these addresses absolute, and relative to the host where it
// built them from a path (user_generated_tokens); only its own are followed.
// Every list of Canvas carries the header, so one without it is not a list of
// which we know the end.
func (c *Client) next(op string, a *answer) (string, *Error) {
	links := parseLink(a.header.Values("Link"))
	if len(links) == 0 {
		return "", unreadable(op, false, a.status, "the answer does not tell whether the list goes on", nil)
	}
	raw, ok := links["next"]
	if !ok {
		return "", nil
	}
	u, err := a.url.Parse(raw)
	if err != nil || !c.sameOrigin(u) || !strings.HasPrefix(u.Path, "/api/v1/") {
		return "", unreadable(op, false, a.status, "the next page of the list is on another site", nil)
	}
	u.Fragment = ""
	return u.String(), nil
}

// parseLink reads Link headers (RFC 8288) into addresses by relation. The first
// link of a relation counts.
func parseLink(headers []string) map[string]string {
	links := map[string]string{}
	for _, h := range headers {
		for {
			open := strings.IndexByte(h, '<')
			if open < 0 {
				break
			}
			end := strings.IndexByte(h[open:], '>')
			if end < 0 {
				break
			}
			target := h[open+1 : open+end]
			var params string
			params, h = cut(h[open+end+1:], ',')
			for rel := range strings.FieldsSeq(relation(params)) {
				rel = strings.ToLower(rel)
				if _, ok := links[rel]; !ok {
					links[rel] = target
				}
			}
		}
	}
	return links
}

// cut splits s at the first sep outside quotes.
func cut(s string, sep byte) (before, after string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quoted:
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == sep && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// relation returns the value of the rel parameter.
func relation(params string) string {
	for params != "" {
		var p string
		p, params = cut(params, ';')
		name, value, ok := strings.Cut(strings.TrimSpace(p), "=")
		if ok && strings.EqualFold(strings.TrimSpace(name), "rel") {
			return strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return ""
}
