package store

import (
	"cmp"
	"reflect"
	"slices"
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

// says is the condition that the column search of a table, called as, is as s has it,
// with its arguments.
func (s sought) says(as string, postgres bool) (where string, args []any) {
	if !s.anywhere {
		runes := []rune(s.text)
		first := string(runes[:min(len(runes), firstWords)])
		than, below := ">=", "<"
		if postgres {
			than, below = "~>=~", "~<~" // by code points, whatever the locale
		}
		beginning := "substr(" + as + ".search, 1, 64) "
		return beginning + than + " ? AND " + beginning + below + " ? AND " + as + `.search LIKE ? ESCAPE '\'`,
			[]any{first, first + string(utf8.MaxRune), literal(s.text) + "%"}
	}
	where, args = as+`.search LIKE ? ESCAPE '\'`, []any{"%" + literal(s.text) + "%"}
	if postgres {
		where, args = "search_letters("+as+".search) LIKE '%' || search_letters(CAST(? AS text)) || '%' AND "+where, []any{s.text, args[0]}
	}
	return where, args
}

// asked is the condition that a request, called as, has what is sought in its own text:
// of a row that is read already, to which no index leads.
func (s sought) asked(as string) (where string, args []any) {
	if !s.anywhere {
		return as + ".number = ? AND " + as + ".number > 0", []any{s.number()}
	}
	return as + `.search LIKE ? ESCAPE '\'`, []any{"%" + literal(s.text) + "%"}
}

// called is the condition that a person, whose id is in a column, has a name as s has it.
// It asks about that one: of EXISTS or IN PostgreSQL would make a reading of everybody
// who is called so.
func (s sought) called(column string) (where, pattern string) {
	pattern = literal(s.text) + "%"
	if s.anywhere {
		pattern = "%" + pattern
	}
	return "(SELECT h.search LIKE ? ESCAPE '\\' FROM people AS h WHERE h.id = " + column + ")", pattern
}

// in is what selects such rows of a table, called t: what follows FROM, and a
// condition with its arguments. The index leads on SQLite, which knows nothing of
// how many rows each way would read.
func (s sought) in(table string, postgres bool) (from, where string, args []any) {
	from = table + " AS t"
	where, args = s.says("t", postgres)
	if postgres || !s.anywhere {
		return from, where, args
	}
	index := table + "_search"
	return index + " CROSS JOIN " + from + " ON t.rowid = " + index + ".rowid", index + " MATCH ? AND " + where, append([]any{s.grams()}, args...)
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
// own text is as s has it, and of those whose requester or sponsor is called so. Of
// each kind there are at most most, if that is above zero.
func (s sought) requests(tenant access.TenantID, states []access.RequestState, most int, postgres bool) query {
	in := inStates(states, access.RequestState.Open)
	q := s.named(tenant, postgres)
	if own, ok := s.own(tenant, "", "t.id", in, allAre(states, access.RequestState.Open), most, postgres); ok {
		q.part(own, most)
		q.add(" UNION ")
	}
	also, its := in("r")
	args := append([]any{string(tenant)}, its...)
	q.part(query{"SELECT r.id FROM named CROSS JOIN requests AS r WHERE r.tenant = ? AND r.requester = named.id" + also, args}, most)
	q.add(" UNION ")
	q.part(query{"SELECT r.id FROM named CROSS JOIN requests AS r WHERE r.tenant = ? AND r.sponsor IS NOT NULL AND r.sponsor = named.id" + also, args}, most)
	return q
}

// grants are the ids of the grants of a tenant, in some states or in any, whose
// request's own text is as s has it, and of those whose owner is called so. Of each
// kind there are at most most, if that is above zero.
func (s sought) grants(tenant access.TenantID, states []access.GrantState, most int, postgres bool) query {
	in := func(string) (string, []any) { return inStates(states, access.GrantState.Live)("g") }
	q := s.named(tenant, postgres)
	if own, ok := s.own(tenant, " CROSS JOIN grants AS g", "g.id", in, false, most, postgres); ok {
		q.part(own, most)
		q.add(" UNION ")
	}
	also, its := in("")
	q.part(query{"SELECT g.id FROM named CROSS JOIN grants AS g WHERE g.tenant = ? AND g.owner = named.id" + also, append([]any{string(tenant)}, its...)}, most)
	return q
}

// part adds a part of a union, of at most most rows, if that is above zero.
func (q *query) part(p query, most int) {
	if most > 0 {
		p.sql = "SELECT * FROM (" + p.sql + " LIMIT " + strconv.Itoa(most) + ") AS part"
	}
	q.add(p.sql, p.args...)
}

// inStates is the condition of states, for the rows of a table, with its arguments.
func inStates[S ~string](all []S, open func(S) bool) func(table string) (string, []any) {
	return func(table string) (string, []any) {
		if len(all) == 0 {
			return "", nil
		}
		also := " AND " + table + ".state IN ?"
		if allAre(all, open) {
			also += " AND " + table + ".open" // which is what the indexes of what lives know
		}
		return also, []any{anyOf(all)}
	}
}

// allAre reports that there are states, and all of them are of those whose life goes on.
func allAre[S ~string](all []S, open func(S) bool) bool {
	return len(all) > 0 && !slices.ContainsFunc(all, func(s S) bool { return !open(s) })
}

// named begins a query with the people whose name is as s has it.
func (s sought) named(tenant access.TenantID, postgres bool) query {
	named := s.people(tenant, postgres)
	return query{"WITH named AS (" + named.sql + ") ", named.args}
}

// own selects requests by their own text, or by their number where that is all an
// index has: ok is false if what was typed is none. Those that are open are so few
// beside all that have the text that SQLite, which cannot weigh that, reads those.
func (s sought) own(tenant access.TenantID, join, column string, in func(string) (string, []any), open bool, most int, postgres bool) (query, bool) {
	also, its := in("t")
	if join != "" {
		also = " AND g.tenant = t.tenant AND g.request_id = t.id" + also
	}
	from, where, args := s.in("requests", postgres)
	switch {
	case !s.anywhere && s.number() == 0:
		return query{}, false
	case !s.anywhere, open && !postgres:
		from = "requests AS t"
		where, args = s.asked("t")
	case most > 0 && !postgres:
		also += " ORDER BY requests_search.rowid DESC" // what lives is among the newest
	}
	var q query
	q.add("SELECT "+column+" FROM "+from+join+" WHERE t.tenant = ? AND "+where+also, append(append([]any{string(tenant)}, args...), its...)...)
	return q, true
}

// searchRequests narrows a list of requests to those that q's text finds.
func (tx *Tx) searchRequests(db *gorm.DB, q RequestQuery) (*gorm.DB, error) {
	s, ok, err := tx.seek(q.Search)
	if err != nil || !ok {
		return db, err
	}
	ids := s.requests(q.Tenant, q.States, 0, tx.postgres())
	return db.Where("requests.id IN ("+ids.sql+")", ids.args...), nil
}

// searchGrants narrows a list of grants to those that the texts of q find.
func (tx *Tx) searchGrants(db *gorm.DB, q GrantQuery) (*gorm.DB, error) {
	s, ok, err := tx.seek(q.Search)
	if err != nil {
		return db, err
	}
	if ok {
		ids := s.grants(q.Tenant, q.States, 0, tx.postgres())
		db = db.Where("grants.id IN ("+ids.sql+")", ids.args...)
	}
	if s, ok, err = tx.seek(q.SponsorText); err != nil || !ok {
		return db, err
	}
	// Somebody typed a Canvas id, or a part of a name.
	ids := s.people(q.Tenant, tx.postgres())
	ids.add(" UNION SELECT id FROM people WHERE tenant = ? AND canvas_user = ? AND canvas_user <> '' AND merged_into IS NULL", string(q.Tenant), strings.TrimSpace(q.SponsorText))
	return db.Where("grants.sponsor IN ("+ids.sql+")", ids.args...), nil
}

// mostWalked is how many rows of a list are walked for a word that many have, before
// what is found is sorted instead.
const mostWalked = 20_000

// walkRequests is the page of q by its list's own order, each row asked whether it has
// what is sought: of a word that many have, a page is full long before all that have it
// would be read and sorted. The rows keep the order that they were walked in. The page
// may be short though there is more: then the caller asks the other way.
func (tx *Tx) walkRequests(q RequestQuery) (rows []requestRow, err error) {
	s, ok, err := tx.seek(q.Search)
	if err != nil || !ok {
		return nil, err
	}
	walked := q
	walked.Search, walked.Limit = "", 0
	db, err := tx.selectRequests(walked)
	if err != nil {
		return nil, err
	}
	if db, err = page(db, q.Order, requestOrders, q.After, 0); err != nil {
		return nil, err
	}
	has, args := s.asked("w")
	requester, called := s.called("w.requester")
	sponsor, _ := s.called("w.sponsor")
	err = tx.walk(db, "("+has+") OR "+requester+" OR "+sponsor, append(args, called, called), q.Limit, &rows)
	return rows, tx.fail("requests", err)
}

// walkGrants is walkRequests for grants.
func (tx *Tx) walkGrants(q GrantQuery) (rows []grantRow, err error) {
	s, ok, err := tx.seek(q.Search)
	if err != nil || !ok {
		return nil, err
	}
	walked := q
	walked.Search, walked.Limit = "", 0
	db, err := tx.selectGrants(walked)
	if err != nil {
		return nil, err
	}
	if db, err = walked.page(db); err != nil {
		return nil, err
	}
	has, args := s.asked("r")
	owner, called := s.called("w.owner")
	err = tx.walk(db, "(SELECT "+has+" FROM requests AS r WHERE r.id = w.request_id) OR "+owner, append(args, called), q.Limit, &rows)
	return rows, tx.fail("grants", err)
}

// walk reads, in its order, what a list, called w, has that is so.
func (tx *Tx) walk(list *gorm.DB, where string, args []any, limit int, rows any) error {
	return tx.db.Raw("SELECT * FROM (?) AS w WHERE "+where+" LIMIT ?", slices.Concat([]any{list.Limit(tx.s.walked)}, args, []any{limited(limit)})...).Scan(rows).Error
}

// vendorLike narrows the requests behind the grants of q to those whose company's
// name has q.Vendor in it. The name is a part of what is searched, so the index of
// that leads to it; without it, what leads is the grants.
func (tx *Tx) vendorLike(db *gorm.DB, q GrantQuery) (*gorm.DB, error) {
	s, ok, err := tx.seek(q.Vendor)
	if err != nil || !ok {
		return db, err
	}
	part := "%" + literal(s.text) + "%"
	if !s.anywhere {
		also, its := inStates(q.States, access.GrantState.Live)("g")
		return db.Where(`id IN (SELECT r.id FROM grants AS g CROSS JOIN requests AS r WHERE g.tenant = ?`+also+` AND r.id = g.request_id AND r.vendor LIKE ? ESCAPE '\')`,
			append(append([]any{string(q.Tenant)}, its...), part)...), nil
	}
	from, where, args := s.in("requests", tx.postgres())
	return db.Where("id IN (SELECT t.id FROM "+from+" WHERE t.tenant = ? AND "+where+` AND t.vendor LIKE ? ESCAPE '\')`,
		append(append([]any{string(q.Tenant)}, args...), part)...), nil
}

// searchFound narrows found tokens to those that q's text finds.
func (tx *Tx) searchFound(db *gorm.DB, q FoundQuery) (*gorm.DB, error) {
	s, ok, err := tx.seek(q.Search)
	if err != nil || !ok {
		return db, err
	}
	// SQLite reads those that are open, as own does.
	open := s.anywhere && allAre(q.States, func(st access.FoundState) bool { return !st.Final() })
	if tx.postgres() || open {
		where, args := s.says("found_tokens", tx.postgres())
		return db.Where(where, args...), nil
	}
	from, where, args := s.in("found_tokens", false)
	return db.Where("found_tokens.id IN (SELECT t.id FROM "+from+" WHERE t.tenant = ? AND "+where+")", append([]any{string(q.Tenant)}, args...)...), nil
}

// CountRequestsTo is CountRequests that stops counting behind most: the result is
// at most one more.
func (tx *Tx) CountRequestsTo(q RequestQuery, most int) (int, error) {
	alone := RequestQuery{Tenant: q.Tenant, States: q.States, Search: q.Search, Order: q.Order, Limit: q.Limit}
	if s, ok, err := tx.seek(q.Search); err != nil {
		return 0, err
	} else if ok && q.Tenant != "" && reflect.DeepEqual(q, alone) {
		return tx.countUnion("count requests", s.requests(q.Tenant, q.States, most+1, tx.postgres()), most)
	}
	db, err := tx.selectRequests(q)
	if err != nil {
		return 0, err
	}
	if q.Order == ReviewDue { // or PostgreSQL would look for the first thousand from the table's beginning on
		db = db.Order(requestOrders[q.Order].sql + ", id")
	}
	return tx.countTo("count requests", db, most)
}

// CountFoundTo is CountFound that stops counting behind most: the result is at most
// one more.
func (tx *Tx) CountFoundTo(q FoundQuery, most int) (int, error) {
	db, err := tx.selectFound(q)
	if err != nil {
		return 0, err
	}
	return tx.countTo("count found tokens", db.Order(foundWeight+", "+foundAge+", id"), most)
}

// countUnion counts what a text alone selects, up to one more than most. No kind of
// what is found is read farther than that: a word that many have is soon counted.
func (tx *Tx) countUnion(what string, ids query, most int) (int, error) {
	var n int
	sql := "SELECT COUNT(*) FROM (SELECT * FROM (" + ids.sql + ") AS found LIMIT " + strconv.Itoa(most+1) + ") AS counted"
	err := tx.db.Raw(sql, ids.args...).Scan(&n).Error
	return n, tx.fail(what, err)
}

func (tx *Tx) countTo(what string, db *gorm.DB, most int) (int, error) {
	var n int64
	err := tx.db.Table("(?) AS counted", db.Select("1").Limit(most+1)).Count(&n).Error
	return int(n), tx.fail(what, err)
}

// CountGrantsTo is CountGrants that stops counting behind most: the result is at most
// one more.
func (tx *Tx) CountGrantsTo(q GrantQuery, most int) (int, error) {
	alone := GrantQuery{Tenant: q.Tenant, States: q.States, Search: q.Search, Order: q.Order, Limit: q.Limit}
	if s, ok, err := tx.seek(q.Search); err != nil {
		return 0, err
	} else if ok && q.Tenant != "" && reflect.DeepEqual(q, alone) {
		return tx.countUnion("count grants", s.grants(q.Tenant, q.States, most+1, tx.postgres()), most)
	}
	db, err := tx.selectGrants(q)
	if err != nil {
		return 0, err
	}
	// What no index leads to, and each token is asked for.
	asked := GrantQuery{Tenant: q.Tenant, States: q.States, Affiliation: q.Affiliation, AI: q.AI, IssuedBefore: q.IssuedBefore, UnusedSince: q.UnusedSince,
		Order: q.Order, Limit: q.Limit}
	switch {
	case q.Order == Ends && (!q.EndsBefore.IsZero() || !slices.ContainsFunc(q.States, access.GrantState.Live)):
		db = db.Order(grantOrders[q.Order].sql + ", id") // the list's order leads to what is counted
	case reflect.DeepEqual(q, asked) && fewLeftOut(q.States, access.GrantStates, access.GrantState.Live):
		db = db.Order("created_at") // or PostgreSQL would look for the first thousand from the table's beginning on
	}
	return tx.countTo("count grants", db, most)
}

// Offers are what the filters of tokens offer to choose from.
type Offers struct {
	Courses   []access.Course // by code, then name
	Companies []string        // as their first token has them written
	// All: no live token has another one. Otherwise these are those of the newest
	// tokens.
	All bool
}

// How many of the newest live tokens are looked at for Offers, how many courses or
// companies there are at most to choose from, and how many where others may be typed.
const (
	offersOf   = 150
	mostOffers = 200
	someOffers = 100
)

// Offers returns the courses and companies of the live tokens of a tenant. What it
// costs does not grow with their number.
func (tx *Tx) Offers(tenant access.TenantID) (Offers, error) {
	name := "answers ->> 'maker_name'"
	if tx.postgres() {
		name = "CAST(answers AS json) ->> 'maker_name'"
	}
	var rows []struct {
		Course           bool
		Key, Code, Label string
		Tokens           int
	}
	err := tx.db.Raw(`WITH theirs AS (SELECT course_id, course_code, course_name, vendor, CASE WHEN vendor = '' THEN '' ELSE `+name+` END AS company FROM requests
	WHERE id IN (SELECT request_id FROM grants WHERE tenant = ? AND open ORDER BY created_at DESC LIMIT ?))
SELECT true AS course, course_id AS key, MIN(course_code) AS code, MIN(course_name) AS label, COUNT(*) AS tokens FROM theirs GROUP BY course_id
UNION ALL SELECT false, vendor, '', MIN(company), COUNT(*) FROM theirs GROUP BY vendor`, string(tenant), offersOf+1).Scan(&rows).Error
	if err != nil {
		return Offers{}, tx.fail("courses and companies of live tokens", err)
	}
	var out Offers
	tokens := 0
	for _, r := range rows {
		if r.Course { // each token has one row there, of a course or of none
			tokens += r.Tokens
		}
		switch {
		case r.Key == "":
		case r.Course:
			out.Courses = append(out.Courses, access.Course{ID: r.Key, Code: r.Code, Name: r.Label})
		default:
			out.Companies = append(out.Companies, r.Label)
		}
	}
	out.All = tokens <= offersOf && len(out.Courses) <= mostOffers && len(out.Companies) <= mostOffers
	most := someOffers
	if out.All {
		most = mostOffers
	}
	slices.SortFunc(out.Courses, func(a, b access.Course) int {
		return cmp.Or(strings.Compare(a.Code, b.Code), strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	slices.SortFunc(out.Companies, func(a, b string) int {
		return cmp.Or(strings.Compare(strings.ToLower(a), strings.ToLower(b)), strings.Compare(a, b))
	})
	out.Courses, out.Companies = out.Courses[:min(len(out.Courses), most)], out.Companies[:min(len(out.Companies), most)]
	return out, nil
}
