package store

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"gorm.io/gorm"

	"github.com/tokendesk/tokendesk/internal/access"
)

// sought is what somebody looks for. Three characters and more are found anywhere
// in a text, by its trigrams and then, to be exact, by the text itself. Fewer
// characters, and any number of them in a database without trigrams
// (Store.Search), are the exact number of a request, or the beginning of a name.
type sought struct {
	text     string // in lower case, as what is stored to be searched
	anywhere bool
}

// seek reads what was typed into a search; ok is false if that is nothing.
func (tx *Tx) seek(typed string) (s sought, ok bool, err error) {
	s.text = strings.ToLower(strings.TrimSpace(typed))
	if s.text == "" {
		return s, false, nil
	}
	if utf8.RuneCountInString(s.text) >= trigram {
		s.anywhere, err = tx.trigrams()
	}
	return s, true, err
}

// trigram is how many characters an index needs to find them anywhere.
const trigram = 3

// mostGrams bounds what of a long text an index is asked for; the text itself is
// compared after that.
const mostGrams = 48

// firstWords is how much of a text is indexed from its beginning on.
const firstWords = 64

// literal makes of a text a part of a LIKE pattern that stands for itself.
func literal(s string) string {
	return strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(s)
}

// number is that of the request whose number or code was typed, or 0.
func (s sought) number() int {
	n, err := strconv.Atoi(strings.TrimPrefix(s.text, "req-"))
	if err != nil || n < 1 || n > 1<<31-1 || strings.ContainsAny(s.text, "+ ") {
		return 0
	}
	return n
}

// grams asks SQLite for the rows in which each trigram of the text stands.
func (s sought) grams() string {
	runes := []rune(s.text)
	var out []string
	for i := range min(len(runes)-trigram+1, mostGrams) {
		out = append(out, `"`+strings.ReplaceAll(string(runes[i:i+trigram]), `"`, `""`)+`"`)
	}
	return strings.Join(out, " AND ")
}

// in is what selects the rows of a table, called t, whose column search is as s has
// it: what follows FROM, and a condition with its arguments. The index leads on
// SQLite, which knows nothing of how many rows each way would read.
func (s sought) in(table string, postgres bool) (from, where string, args []any) {
	from = table + " AS t"
	if !s.anywhere {
		runes := []rune(s.text)
		first := string(runes[:min(len(runes), firstWords)])
		than, below := ">=", "<"
		if postgres {
			than, below = "~>=~", "~<~" // by code points, whatever the locale
		}
		const beginning = "substr(t.search, 1, 64) "
		return from, beginning + than + " ? AND " + beginning + below + ` ? AND t.search LIKE ? ESCAPE '\'`,
			[]any{first, first + string(utf8.MaxRune), literal(s.text) + "%"}
	}
	like := "%" + literal(s.text) + "%"
	if postgres {
		return from, `search_letters(t.search) LIKE '%' || search_letters(CAST(? AS text)) || '%' AND t.search LIKE ? ESCAPE '\'`, []any{s.text, like}
	}
	index := table + "_search"
	return index + " CROSS JOIN " + from + " ON t.rowid = " + index + ".rowid", index + ` MATCH ? AND t.search LIKE ? ESCAPE '\'`, []any{s.grams(), like}
}

// query is SQL text with its arguments.
type query struct {
	sql  string
	args []any
}

func (q *query) add(sql string, args ...any) {
	q.sql += sql
	q.args = append(q.args, args...)
}

// people are the ids of the people of a tenant whose name is as s has it.
func (s sought) people(tenant access.TenantID, postgres bool) query {
	from, where, args := s.in("people", postgres)
	var q query
	q.add("SELECT t.id FROM "+from+" WHERE t.tenant = ? AND "+where, append([]any{string(tenant)}, args...)...)
	return q
}

// requests are the ids of the requests of a tenant, in some states or in any, whose
// own text is as s has it, and of those whose requester or sponsor is called so.
func (s sought) requests(tenant access.TenantID, states []access.RequestState, postgres bool) query {
	in := func(table string) (string, []any) {
		if len(states) == 0 {
			return "", nil
		}
		return " AND " + table + ".state IN ?", []any{anyOf(states)}
	}
	q := s.named(tenant, postgres)
	if own, ok := s.own(tenant, "", "t.id", in, postgres); ok {
		q.add(own.sql, own.args...)
		q.add(" UNION ")
	}
	also, its := in("r")
	q.add("SELECT r.id FROM requests AS r WHERE r.tenant = ? AND r.requester IN (SELECT id FROM named)"+also, append([]any{string(tenant)}, its...)...)
	q.add(" UNION SELECT r.id FROM requests AS r WHERE r.tenant = ? AND r.sponsor IS NOT NULL AND r.sponsor IN (SELECT id FROM named)"+also,
		append([]any{string(tenant)}, its...)...)
	return q
}

// grants are the ids of the grants of a tenant, in some states or in any, whose
// request's own text is as s has it, and of those whose owner is called so.
func (s sought) grants(tenant access.TenantID, states []access.GrantState, postgres bool) query {
	in := func(string) (string, []any) {
		if len(states) == 0 {
			return "", nil
		}
		return " AND g.state IN ?", []any{anyOf(states)}
	}
	q := s.named(tenant, postgres)
	if own, ok := s.own(tenant, " CROSS JOIN grants AS g", "g.id", in, postgres); ok {
		q.add(own.sql, own.args...)
		q.add(" UNION ")
	}
	also, its := in("")
	q.add("SELECT g.id FROM grants AS g WHERE g.tenant = ? AND g.owner IN (SELECT id FROM named)"+also, append([]any{string(tenant)}, its...)...)
	return q
}

// named begins a query with the people whose name is as s has it.
func (s sought) named(tenant access.TenantID, postgres bool) query {
	named := s.people(tenant, postgres)
	return query{"WITH named AS (" + named.sql + ") ", named.args}
}

// own selects requests by their own text, or by their number where that is all an
// index has: ok is false if what was typed is none.
func (s sought) own(tenant access.TenantID, join, column string, in func(string) (string, []any), postgres bool) (query, bool) {
	also, its := in("t")
	if join != "" {
		also = " AND g.tenant = t.tenant AND g.request_id = t.id" + also
	}
	from, where, args := s.in("requests", postgres)
	if !s.anywhere {
		if s.number() == 0 {
			return query{}, false
		}
		from, where, args = "requests AS t", "t.number = ? AND t.number > 0", []any{s.number()}
	}
	var q query
	q.add("SELECT "+column+" FROM "+from+join+" WHERE t.tenant = ? AND "+where+also, append(append([]any{string(tenant)}, args...), its...)...)
	return q, true
}

// search narrows a list of requests to those that q's text finds.
func (tx *Tx) searchRequests(db *gorm.DB, q RequestQuery) (*gorm.DB, error) {
	s, ok, err := tx.seek(q.Search)
	if err != nil || !ok {
		return db, err
	}
	ids := s.requests(q.Tenant, q.States, tx.postgres())
	return db.Where("requests.id IN ("+ids.sql+")", ids.args...), nil
}

// searchGrants narrows a list of grants to those that the texts of q find.
func (tx *Tx) searchGrants(db *gorm.DB, q GrantQuery) (*gorm.DB, error) {
	s, ok, err := tx.seek(q.Search)
	if err != nil {
		return db, err
	}
	if ok {
		ids := s.grants(q.Tenant, q.States, tx.postgres())
		db = db.Where("grants.id IN ("+ids.sql+")", ids.args...)
	}
	if s, ok, err = tx.seek(q.SponsorText); err != nil || !ok {
		return db, err
	}
	// Somebody typed a Canvas id, or a part of a name.
	ids := s.people(q.Tenant, tx.postgres())
	ids.add(" UNION SELECT id FROM people WHERE tenant = ? AND canvas_user = ? AND canvas_user <> ''", string(q.Tenant), strings.TrimSpace(q.SponsorText))
	return db.Where("grants.sponsor IN ("+ids.sql+")", ids.args...), nil
}

// vendorLike narrows requests to those whose company's name has the text in it. The
// name is a part of what is searched, so the index of that leads to it.
func (tx *Tx) vendorLike(db *gorm.DB, tenant access.TenantID, text string) (*gorm.DB, error) {
	s, ok, err := tx.seek(text)
	if err != nil || !ok {
		return db, err
	}
	db = db.Where(`vendor LIKE ? ESCAPE '\'`, "%"+literal(s.text)+"%")
	if !s.anywhere {
		return db, nil
	}
	from, where, args := s.in("requests", tx.postgres())
	return db.Where("id IN (SELECT t.id FROM "+from+" WHERE t.tenant = ? AND "+where+")", append([]any{string(tenant)}, args...)...), nil
}

// searchFound narrows found tokens to those that q's text finds.
func (tx *Tx) searchFound(db *gorm.DB, q FoundQuery) (*gorm.DB, error) {
	s, ok, err := tx.seek(q.Search)
	if err != nil || !ok {
		return db, err
	}
	from, where, args := s.in("found_tokens", tx.postgres())
	return db.Where("found_tokens.id IN (SELECT t.id FROM "+from+" WHERE t.tenant = ? AND "+where+")", append([]any{string(q.Tenant)}, args...)...), nil
}
