package canvastest

import (
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// perPage is the asked page length; clamp applies Canvas's usual 1..100.
func (c *call) perPage(clamp bool) int {
	n, err := strconv.Atoi(c.params.text("per_page"))
	if err != nil || n < 1 {
		return c.s.perPage
	}
	if clamp && n > 100 {
		return 100
	}
	return n
}

// linkTo writes one page link; base is absolute or host-relative.
func (c *call) linkTo(base, page string, perPage int, rel string) string {
	q := c.query()
	q.Set("page", page)
	q.Set("per_page", strconv.Itoa(perPage))
	target := url.URL{Path: c.r.URL.Path, RawPath: c.r.URL.RawPath, RawQuery: q.Encode()}
	return "<" + base + target.String() + `>; rel="` + rel + `"`
}

// maxLinkHeader is Canvas's bound on the Link header; links are dropped from
// the least useful on.
const maxLinkHeader = 6 << 10

// joinLinks joins in Canvas's order and drops by its priority.
func joinLinks(links map[string]string) string {
	total := 0
	kept := map[string]bool{}
	for _, rel := range []string{"next", "last", "prev", "current", "first"} {
		if link := links[rel]; link != "" && total+len(link)+1 <= maxLinkHeader {
			total += len(link) + 1
			kept[rel] = true
		}
	}
	var out []string
	for _, rel := range []string{"current", "next", "prev", "first", "last"} {
		if kept[rel] {
			out = append(out, links[rel])
		}
	}
	return strings.Join(out, ",")
}

// paged cuts a numbered page out of n rows and returns its bounds and the
// absolute links. A page beyond the end is empty; an unreadable number is the
// first page.
func (c *call) paged(n int) (from, to int, link string) {
	size := c.perPage(true)
	page, err := strconv.Atoi(c.params.text("page"))
	if err != nil || page < 1 {
		page = 1
	}
	last := max(1, (n+size-1)/size)
	from, to = min(n, (page-1)*size), min(n, page*size)
	links := map[string]string{
		"current": c.linkTo(c.origin, strconv.Itoa(page), size, "current"),
		"first":   c.linkTo(c.origin, "1", size, "first"),
		"last":    c.linkTo(c.origin, strconv.Itoa(last), size, "last"),
	}
	if page < last {
		links["next"] = c.linkTo(c.origin, strconv.Itoa(page+1), size, "next")
	}
	if page > 1 {
		links["prev"] = c.linkTo(c.origin, strconv.Itoa(page-1), size, "prev")
	}
	return from, to, joinLinks(links)
}

// pagedList answers a numbered page of rows.
func pagedList[T any](c *call, rows []T, show func(T) object) reply {
	from, to, link := c.paged(len(rows))
	body := make([]object, 0, to-from)
	for _, row := range rows[from:to] {
		body = append(body, show(row))
	}
	return ok(body).with("Link", link)
}

// tokenPage is a bookmark page of tokens.
type tokenPage struct {
	rows []*Token
	link string
}

// bookmarked cuts the page that follows the bookmark; rows are in the order of
// the listing. The page length is passed straight through, unclamped
// (inferred from TokensController).
func (c *call) bookmarked(rows []*Token) (tokenPage, *reply) {
	size := c.perPage(false)
	raw := orElse(c.params.text("page"), "first")
	start := 0
	if raw != "first" && raw != "1" {
		mark, found := parseBookmark(raw)
		if !found {
			return tokenPage{}, refuse(notFound())
		}
		for start < len(rows) && byAge(rows[start], mark) <= 0 {
			start++
		}
	}
	end := min(len(rows), start+size)
	links := map[string]string{
		"current": c.linkTo("", raw, size, "current"),
		"first":   c.linkTo("", "first", size, "first"),
	}
	if end < len(rows) {
		links["next"] = c.linkTo("", bookmark(rows[end-1]), size, "next")
	}
	return tokenPage{rows: rows[start:end], link: joinLinks(links)}, nil
}

func bookmark(t *Token) string {
	key := strconv.FormatInt(t.CreatedAt.UnixNano(), 10) + " " + t.ID.String()
	return "bookmark:" + base64.RawURLEncoding.EncodeToString([]byte(key))
}

func parseBookmark(raw string) (*Token, bool) {
	encoded, marked := strings.CutPrefix(raw, "bookmark:")
	key, err := base64.RawURLEncoding.DecodeString(encoded)
	at, id, found := strings.Cut(string(key), " ")
	if !marked || err != nil || !found {
		return nil, false
	}
	nanos, err1 := strconv.ParseInt(at, 10, 64)
	number, err2 := strconv.ParseInt(id, 10, 64)
	if err1 != nil || err2 != nil {
		return nil, false
	}
	return &Token{ID: ID(number), CreatedAt: time.Unix(0, nanos).UTC()}, true
}
