package access

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tokendesk/tokendesk/internal/policy"
)

// Limits of what people type besides the form, in characters.
const (
	MaxShort = 200  // what is searched for
	MaxNote  = 1000 // reasons and notes
)

// DraftForm is a form as submitted, with what the tool knows about its author.
type DraftForm struct {
	Answers     Answers
	Affiliation policy.Affiliation
	Now         time.Time
	Location    *time.Location
	Latest      time.Time // LatestEnd for this person now
	LatestCause policy.EndCause
	// SponsorOK: the sponsor named by the answers teaches the requester
	// now (or is a listed supervisor), established by Canvas's API.
	SponsorOK      bool
	SponsorSelf    bool
	SponsorUnknown bool // Canvas could not be asked
}

// FormCodes are the corrections that CheckForm asks for: of a built-in question
// those that name it, of any other one those of every answer.
var FormCodes = []string{
	"purpose.missing", "build.short", "build.long", "maker.missing", "maker_name.missing", "maker_link.https", "ai.missing",
	"ai_service.missing", "ai_data.missing", "data.missing", "storage.missing", "storage.repository", "storage.chat", "storage.document",
	"end.missing", "end.unreadable", "end.none_left", "end.past", "end.too_late",
	"sponsor.missing", "sponsor.self", "sponsor.unknown", "sponsor.not_teaching", "accepted.missing",
	"answer.missing", "answer.short", "answer.unknown", "answer.refused", "answer.https", "too_long",
}

// code is the correction of a fault in the answer to q.
func code(q policy.Question, fault, otherwise string) string {
	if own := q.Key + "." + fault; slices.Contains(FormCodes, own) {
		return own
	}
	return otherwise
}

// CheckForm judges a form under p and returns the moment its token would end. A
// *FormError names each field to correct, in the form's order. Answers that p does
// not ask for are not looked at (Answers.Asked takes them away).
func CheckForm(p policy.Policy, d DraftForm) (time.Time, error) {
	var f FormError
	var end time.Time
	bounded := false
	for _, q := range p.Questions {
		switch values := d.Answers.All(q.Key); {
		case !d.Answers.asks(q):
		case q.Kind == policy.End:
			end, bounded = checkEnd(&f, d), true
		case q.Kind == policy.Sponsor:
			if p.For(d.Affiliation).Rule == policy.RuleSponsor {
				checkSponsor(&f, d)
			}
		case q.Kind == policy.Rules:
			if d.Answers.Text(q.Key) != Accepted {
				f.Add(q.Key, "accepted.missing", nil)
			}
		case q.Kind.Chosen():
			checkChosen(&f, q, values)
		default:
			checkTyped(&f, q, values)
		}
	}
	if !bounded { // no form is without it
		f.Add(policy.KeyEnd, "end.missing", nil)
	}
	return end, f.Err()
}

func checkChosen(f *FormError, q policy.Question, values []string) {
	if len(values) == 0 {
		if q.Required {
			f.Add(q.Key, code(q, "missing", "answer.missing"), nil)
		}
		return
	}
	if len(values) > len(q.Options) || (q.Kind == policy.Choice && len(values) > 1) {
		f.Add(q.Key, code(q, "missing", "answer.unknown"), nil)
		return
	}
	for _, v := range values {
		o, ok := q.Option(v)
		switch {
		case !ok:
			f.Add(q.Key, code(q, "missing", "answer.unknown"), nil)
			return
		case o.Refused:
			f.Add(q.Key, code(q, v, "answer.refused"), nil)
			return
		}
	}
}

func checkTyped(f *FormError, q policy.Question, values []string) {
	v := strings.Join(values, "\n")
	n := utf8.RuneCountInString(v)
	switch {
	case len(values) > 1:
		f.Add(q.Key, "answer.unknown", nil)
	case v == "" && !q.Required:
	case v == "" && q.Least == 0:
		f.Add(q.Key, code(q, "missing", "answer.missing"), nil)
	case n < q.Least:
		f.Add(q.Key, code(q, "short", "answer.short"), map[string]any{"Min": q.Least})
	case q.Kind == policy.Link && !httpsLink(v):
		f.Add(q.Key, code(q, "https", "answer.https"), nil)
	}
	if n <= q.Most {
		return
	}
	if own := code(q, "long", ""); own != "" {
		f.Add(q.Key, own, map[string]any{"Max": q.Most})
		return
	}
	f.Add(q.Key, "too_long", map[string]any{"Max": strconv.Itoa(q.Most)})
}

func checkSponsor(f *FormError, d DraftForm) {
	switch {
	case d.Answers.Text(policy.KeySponsor) == "":
		f.Add("sponsor", "sponsor.missing", nil)
	case d.SponsorSelf:
		f.Add("sponsor", "sponsor.self", nil)
	case d.SponsorUnknown:
		f.Add("sponsor", "sponsor.unknown", nil)
	case !d.SponsorOK:
		f.Add("sponsor", "sponsor.not_teaching", nil)
	}
}

func checkEnd(f *FormError, d DraftForm) time.Time {
	typed := d.Answers.Text(policy.KeyEnd)
	if typed == "" {
		f.Add("end", "end.missing", nil)
		return time.Time{}
	}
	date, err := time.ParseInLocation(time.DateOnly, typed, d.Location)
	if err != nil {
		f.Add("end", "end.unreadable", nil)
		return time.Time{}
	}
	end, last := policy.EndOfDate(date), policy.LastDate(d.Latest, d.Location)
	switch {
	case !last.After(d.Now) && policy.EndOfDate(last).Before(d.Now):
		f.Add("end", "end.none_left", nil)
	case !end.After(d.Now):
		f.Add("end", "end.past", nil)
	case end.After(policy.EndOfDate(last)):
		f.Add("end", "end.too_late", map[string]any{"Latest": last})
	default:
		return end
	}
	return time.Time{}
}

// CheckAnybody is what CheckForm corrects whoever sends the form: all but its
// sponsor, and an end that is too late for its author. It needs nothing of
// Canvas.
func CheckAnybody(p policy.Policy, d DraftForm) error {
	p.Roles = map[policy.Affiliation]policy.Role{policy.Faculty: {Rule: policy.RuleOpen, MaxLife: time.Hour, MaxTotal: time.Hour}}
	d.Affiliation, d.Latest = policy.Faculty, d.Now.AddDate(1000, 0, 0)
	_, err := CheckForm(p, d)
	return err
}

func httpsLink(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil && !strings.ContainsAny(s, " <>\"")
}
