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
	// SponsorOK: the sponsor named by Answers.SponsorKey teaches the requester
	// now (or is a listed supervisor), established by Canvas's API.
	SponsorOK      bool
	SponsorSelf    bool
	SponsorUnknown bool // Canvas could not be asked
}

// CheckForm judges a form under p and returns the moment its token would end. A
// *FormError names each field to correct, in the form's order.
func CheckForm(p policy.Policy, d DraftForm) (time.Time, error) {
	var f FormError
	a := d.Answers
	choice(&f, "purpose", a.Purpose, Purposes)
	switch n := utf8.RuneCountInString(a.Build); {
	case n < p.Limits.BuildLeast:
		f.Add("build", "build.short", map[string]any{"Min": p.Limits.BuildLeast})
	case n > p.Limits.BuildMost:
		f.Add("build", "build.long", map[string]any{"Max": p.Limits.BuildMost})
	}
	choice(&f, "maker", a.Maker, Makers)
	if a.Maker == "company" {
		if a.MakerName == "" {
			f.Add("maker_name", "maker_name.missing", nil)
		}
		if a.MakerLink != "" && !httpsLink(a.MakerLink) {
			f.Add("maker_link", "maker_link.https", nil)
		}
	}
	tooLong(&f, "maker_name", a.MakerName, p.Limits.Short)
	tooLong(&f, "maker_link", a.MakerLink, p.Limits.Link)
	choice(&f, "ai", a.AI, AIUses)
	if a.AI == "yes" {
		if a.AIService == "" {
			f.Add("ai_service", "ai_service.missing", nil)
		}
		if a.AIData == "" {
			f.Add("ai_data", "ai_data.missing", nil)
		}
	}
	tooLong(&f, "ai_service", a.AIService, p.Limits.Short)
	tooLong(&f, "ai_data", a.AIData, p.Limits.Note)
	switch {
	case len(a.Data) == 0:
		f.Add("data", "data.missing", nil)
	default:
		for _, k := range a.Data {
			if !contains(DataKind, k) {
				f.Add("data", "data.missing", nil)
				break
			}
		}
	}
	switch {
	case !contains(Storages, a.Storage):
		f.Add("storage", "storage.missing", nil)
	case contains(BadStorages, a.Storage):
		f.Add("storage", "storage."+a.Storage, nil)
	}
	end := checkEnd(&f, d)
	if p.For(d.Affiliation).Rule == policy.RuleSponsor {
		switch {
		case a.SponsorKey == "":
			f.Add("sponsor", "sponsor.missing", nil)
		case d.SponsorSelf:
			f.Add("sponsor", "sponsor.self", nil)
		case d.SponsorUnknown:
			f.Add("sponsor", "sponsor.unknown", nil)
		case !d.SponsorOK:
			f.Add("sponsor", "sponsor.not_teaching", nil)
		}
	}
	if !a.Accepted {
		f.Add("accepted", "accepted.missing", nil)
	}
	return end, f.Err()
}

func checkEnd(f *FormError, d DraftForm) time.Time {
	a := d.Answers
	if a.EndDate == "" {
		if a.EndTyped != "" {
			f.Add("end", "end.unreadable", nil)
		} else {
			f.Add("end", "end.missing", nil)
		}
		return time.Time{}
	}
	date, err := time.ParseInLocation("2006-01-02", a.EndDate, d.Location)
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

func choice(f *FormError, field, v string, of []string) {
	if !contains(of, v) {
		f.Add(field, field+".missing", nil)
	}
}

func tooLong(f *FormError, field, v string, most int) {
	if utf8.RuneCountInString(v) > most {
		f.Add(field, "too_long", map[string]any{"Max": strconv.Itoa(most)})
	}
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

func contains(of []string, v string) bool { return slices.Contains(of, v) }

func httpsLink(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil && !strings.ContainsAny(s, " <>\"")
}
