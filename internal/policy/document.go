package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Error says what is wrong with a document, and where: Field is a path such as
// windows.collect, or empty where the document is none at all.
type Error struct {
	Field string
	What  string
}

func (e *Error) Error() string {
	if e.Field == "" {
		return "policy: " + e.What
	}
	return "policy: " + e.Field + ": " + e.What
}

func wrong(field, format string, args ...any) error {
	return &Error{Field: field, What: fmt.Sprintf(format, args...)}
}

// MaxDocument is the longest document, in bytes.
const MaxDocument = 64 << 10

// Bounds of times, and the words of a document.
const (
	hour = time.Hour
	year = 365 * day
)

// span is a time of a document with its name and its bounds.
type span struct {
	name        string
	at          *time.Duration
	least, most time.Duration
}

// number is a count of a document with its name and its bounds.
type number struct {
	name        string
	at          *int
	least, most int
}

func (w *Windows) spans() []span {
	return []span{
		{"draft", &w.Draft, day, year}, {"sponsor_answer", &w.SponsorAnswer, day, 180 * day}, {"claim", &w.Claim, hour, 30 * day},
		{"collect", &w.Collect, day, 180 * day}, {"activation", &w.Activation, hour, 60 * day}, {"replacement", &w.Replacement, hour, 30 * day},
		{"sponsor_gap", &w.SponsorGap, hour, 180 * day}, {"renewal", &w.Renewal, day, 180 * day}, {"overlap", &w.Overlap, hour, 30 * day},
		{"grace", &w.Grace, 0, year}, {"campaign_answer", &w.CampaignAnswer, day, year}, {"allow_list", &w.AllowList, day, 2 * year},
	}
}

func (w *Windows) numbers() []number { return []number{{"review_days", &w.ReviewDays, 1, 60}} }

func (q *Quotas) numbers() []number {
	return []number{{"open_requests", &q.Open, 1, MostOpen}, {"live_tokens", &q.Live, 1, 50}}
}

func (r *Role) spans() []span {
	return []span{{"longest_life", &r.MaxLife, day, 5 * year}, {"longest_total", &r.MaxTotal, day, 10 * year}}
}

var weekdays = []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}

// weekday is the day of the week that stands at i in weekdays.
func weekday(i int) time.Weekday { return time.Weekday((i + 1) % 7) }

// Validate returns nil for a policy that a school may have, else the first
// *Error in the order of the document.
func (p Policy) Validate() error {
	if p.Version < 1 {
		return wrong("version", "a version is 1 or more")
	}
	for a := range p.Roles {
		if !slices.Contains(Affiliations, a) {
			return wrong("roles."+string(a), "nobody is that")
		}
	}
	for _, a := range Affiliations {
		r, ok := p.Roles[a]
		if !ok {
			return wrong("roles."+string(a), "is missing")
		}
		if err := r.validate("roles." + string(a)); err != nil {
			return err
		}
	}
	for _, err := range []error{spans("windows", p.Windows.spans()), numbers("windows", p.Windows.numbers()), numbers("quotas", p.Quotas.numbers()),
		checkQuestions(p.Questions)} {
		if err != nil {
			return err
		}
	}
	if err := validStages(p.Stages); err != nil {
		return err
	}
	return p.Calendar.validate()
}

func (r Role) validate(field string) error {
	switch r.Rule {
	case RuleRefuse:
		if r != (Role{Rule: RuleRefuse}) {
			return wrong(field, "who is refused has no longest life")
		}
		return nil
	case RuleOpen, RuleSponsor:
	default:
		return wrong(field+".rule", "is refuse, sponsor or open")
	}
	if err := spans(field, r.spans()); err != nil {
		return err
	}
	if r.MaxTotal < r.MaxLife {
		return wrong(field+".longest_total", "is below the longest life of one token")
	}
	return nil
}

func (c Calendar) validate() error {
	if len(c.WorkDays) == 0 {
		return wrong("calendar.work_days", "there is at least one")
	}
	last := -1
	for _, d := range c.WorkDays {
		at := slices.IndexFunc(weekdays, func(name string) bool { return strings.EqualFold(name, d.String()) })
		if at <= last {
			return wrong("calendar.work_days", "each day stands once, in the order of the week from Monday")
		}
		last = at
	}
	if len(c.Holidays) > 1000 {
		return wrong("calendar.holidays", "are at most 1000")
	}
	for i, d := range c.Holidays {
		if _, err := time.Parse(time.DateOnly, string(d)); err != nil {
			return wrong("calendar.holidays", "%q is no date like 2026-12-25", d)
		}
		if i > 0 && d <= c.Holidays[i-1] {
			return wrong("calendar.holidays", "each date stands once, in order")
		}
	}
	return nil
}

func spans(part string, all []span) error {
	for _, s := range all {
		if d := *s.at; d < s.least || d > s.most || d%hour != 0 {
			return wrong(part+"."+s.name, "is from %s to %s, in whole hours", write(s.least), write(s.most))
		}
	}
	return nil
}

func numbers(part string, all []number) error {
	for _, n := range all {
		if *n.at < n.least || *n.at > n.most {
			return wrong(part+"."+n.name, "is from %d to %d", n.least, n.most)
		}
	}
	return nil
}

// Decode reads the document of a version. It refuses, with an *Error that names
// the field, whatever is unknown, missing, said twice, of another kind or out of
// its bounds: nothing is ever filled in.
func Decode(version int, document []byte) (Policy, error) {
	if len(document) > MaxDocument {
		return Policy{}, wrong("", "is longer than %d bytes", MaxDocument)
	}
	p := Policy{Version: version, Roles: map[Affiliation]Role{}}
	top, err := object("", document, []string{"roles", "windows", "quotas", "questions", "stages", "calendar"})
	if err != nil {
		return Policy{}, err
	}
	if err := p.readRoles(top["roles"]); err != nil {
		return Policy{}, err
	}
	for _, part := range []struct {
		name    string
		spans   []span
		numbers []number
	}{
		{"windows", p.Windows.spans(), p.Windows.numbers()}, {"quotas", nil, p.Quotas.numbers()},
	} {
		if err := read(part.name, top[part.name], part.spans, part.numbers); err != nil {
			return Policy{}, err
		}
	}
	if p.Questions, err = readQuestions(top["questions"]); err != nil {
		return Policy{}, err
	}
	if err := p.readStages(top["stages"]); err != nil {
		return Policy{}, err
	}
	if err := p.Calendar.read(top["calendar"]); err != nil {
		return Policy{}, err
	}
	return p, p.Validate()
}

func (p *Policy) readRoles(raw json.RawMessage) error {
	names := make([]string, len(Affiliations))
	for i, a := range Affiliations {
		names[i] = string(a)
	}
	roles, err := object("roles", raw, names)
	if err != nil {
		return err
	}
	for _, a := range Affiliations {
		var r Role
		field := "roles." + string(a)
		// Who is refused has a rule and nothing else.
		if one, err := object(field, roles[string(a)], []string{"rule"}); err == nil {
			if err := value(field+".rule", one["rule"], &r.Rule); err != nil {
				return err
			}
			if r.Rule == RuleRefuse {
				p.Roles[a] = r
				continue
			}
		}
		all, err := object(field, roles[string(a)], []string{"rule", "longest_life", "longest_total"})
		if err != nil {
			return err
		}
		if err := value(field+".rule", all["rule"], &r.Rule); err != nil {
			return err
		}
		for _, s := range r.spans() {
			if err := s.read(field, all[s.name]); err != nil {
				return err
			}
		}
		p.Roles[a] = r
	}
	return nil
}

func read(part string, raw json.RawMessage, ss []span, ns []number) error {
	var names []string
	for _, s := range ss {
		names = append(names, s.name)
	}
	for _, n := range ns {
		names = append(names, n.name)
	}
	all, err := object(part, raw, names)
	if err != nil {
		return err
	}
	for _, s := range ss {
		if err := s.read(part, all[s.name]); err != nil {
			return err
		}
	}
	for _, n := range ns {
		if err := value(part+"."+n.name, all[n.name], n.at); err != nil {
			return err
		}
	}
	return nil
}

func (s span) read(part string, raw json.RawMessage) error {
	field := part + "." + s.name
	var text string
	if err := value(field, raw, &text); err != nil {
		return err
	}
	unit, ok := map[byte]time.Duration{'d': day, 'h': hour}[last(text)]
	if !ok {
		return wrong(field, "%q is no time like 14d or 36h", text)
	}
	digits := text[:len(text)-1]
	n, err := strconv.Atoi(digits)
	if err != nil || strconv.Itoa(n) != digits || n < 0 || n > 100_000 {
		return wrong(field, "%q is no time like 14d or 36h", text)
	}
	*s.at = time.Duration(n) * unit
	return nil
}

func last(s string) byte {
	if s == "" {
		return 0
	}
	return s[len(s)-1]
}

func (c *Calendar) read(raw json.RawMessage) error {
	all, err := object("calendar", raw, []string{"work_days", "holidays"})
	if err != nil {
		return err
	}
	var days []string
	if err := value("calendar.work_days", all["work_days"], &days); err != nil {
		return err
	}
	for _, name := range days {
		at := slices.Index(weekdays, name)
		if at < 0 {
			return wrong("calendar.work_days", "%q is no day of the week", name)
		}
		c.WorkDays = append(c.WorkDays, weekday(at))
	}
	return value("calendar.holidays", all["holidays"], &c.Holidays)
}

// object reads a JSON object that has exactly the named members, and perhaps
// some of those in may.
func object(field string, raw []byte, names []string, may ...string) (map[string]json.RawMessage, error) {
	all, err := members(field, raw, func(name string) bool { return slices.Contains(names, name) || slices.Contains(may, name) })
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if _, ok := all[name]; !ok {
			return nil, wrong(under(field, name), "is missing")
		}
	}
	return all, nil
}

// members reads a JSON object in which each member is known and stands once.
func members(field string, raw []byte, known func(name string) bool) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, wrong(field, "is no JSON object")
	}
	all := map[string]json.RawMessage{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, wrong(field, "is no JSON object")
		}
		if !known(name) {
			return nil, wrong(under(field, name), "is not known")
		}
		if _, twice := all[name]; twice {
			return nil, wrong(under(field, name), "stands there twice")
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return nil, wrong(under(field, name), "is no JSON")
		}
		all[name] = v
	}
	if _, err := d.Token(); err != nil {
		return nil, wrong(field, "is no JSON object")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, wrong(field, "has something behind its end")
	}
	return all, nil
}

// anyName knows every member.
func anyName(string) bool { return true }

// under is the path of a member.
func under(field, name string) string {
	if field == "" {
		return name
	}
	return field + "." + name
}

// value reads what is neither null nor of another kind.
func value(field string, raw json.RawMessage, into any) error {
	if raw == nil {
		return wrong(field, "is missing")
	}
	if bytes.Equal(raw, []byte("null")) || json.Unmarshal(raw, into) != nil {
		return wrong(field, "is of another kind")
	}
	return nil
}

// Encode writes the document of a valid policy; it is what Decode reads.
func Encode(p Policy) ([]byte, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	roles := map[string]any{}
	for _, a := range Affiliations {
		r := p.Roles[a]
		one := map[string]any{"rule": r.Rule}
		if r.Rule != RuleRefuse {
			put(one, r.spans(), nil)
		}
		roles[string(a)] = one
	}
	windows, quotas := map[string]any{}, map[string]any{}
	put(windows, p.Windows.spans(), p.Windows.numbers())
	put(quotas, nil, p.Quotas.numbers())
	days := make([]string, 0, len(p.Calendar.WorkDays))
	for _, d := range p.Calendar.WorkDays {
		days = append(days, strings.ToLower(d.String()))
	}
	calendar := map[string]any{"work_days": days, "holidays": append([]Date{}, p.Calendar.Holidays...)}
	out, err := json.Marshal(map[string]any{"roles": roles, "windows": windows, "quotas": quotas, "questions": writeQuestions(p.Questions), "stages": writeStages(p.Stages),
		"calendar": calendar})
	if err == nil && len(out) > MaxDocument {
		err = wrong("", "is longer than %d bytes", MaxDocument)
	}
	return out, err
}

func put(into map[string]any, ss []span, ns []number) {
	for _, s := range ss {
		into[s.name] = write(*s.at)
	}
	for _, n := range ns {
		into[n.name] = *n.at
	}
}

// write writes whole hours as Decode reads them.
func write(d time.Duration) string {
	if d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	return strconv.FormatInt(int64(d/hour), 10) + "h"
}
