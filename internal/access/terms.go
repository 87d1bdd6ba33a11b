package access

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/policy"
)

// Terms are what a person reads before they decide, agree or confirm, in parts.
// A form carries their digest; what is decided is what was read. They hold what
// the decision is about and nothing else: a claim, a reminder or a token's last
// use changes no terms.
type Terms struct {
	object string
	parts  []termsPart
}

type termsPart struct {
	name  TermsPart
	value string
}

// TermsPart names one part of terms, for the page that says what changed.
type TermsPart string

// The parts.
const (
	TermsAnswers    TermsPart = "answers"    // what was asked for, by whom, in which course
	TermsSponsor    TermsPart = "sponsor"    // the sponsor, their endorsement and what they wrote
	TermsEnd        TermsPart = "end"        // until when the token works
	TermsConditions TermsPart = "conditions" // what the approval is bound to
	TermsStage      TermsPart = "stage"      // where it stands
	TermsPolicy     TermsPart = "policy"     // the policy and the rules it is judged by
	TermsToken      TermsPart = "token"      // the token in Canvas
	TermsFreeze     TermsPart = "freeze"     // who froze it, when and why
	TermsAgreement  TermsPart = "agreement"  // what a first person said, with its reason and date
	TermsReport     TermsPart = "report"     // what is known of a leak
	TermsSelection  TermsPart = "selection"  // which tokens, and of how many people
)

// TermsParts lists every part.
var TermsParts = []TermsPart{TermsAnswers, TermsSponsor, TermsEnd, TermsConditions, TermsStage, TermsPolicy, TermsToken, TermsFreeze, TermsAgreement,
	TermsReport, TermsSelection}

// RequestTerms are what a sponsor or a reviewer reads of a request. keeps is the
// token that it asks to keep; nil where it asks for a new one.
func RequestTerms(r Request, keeps *Found) Terms {
	t := termsOf(r.ID)
	t.add(TermsAnswers, r.Requester, r.Affiliation, r.Course, wishOf(r.Answers), r.Renews, r.Adopts)
	t.add(TermsSponsor, r.Sponsor, r.SponsorLost, r.Endorsement())
	t.add(TermsEnd, r.Asked, r.End)
	t.add(TermsConditions, r.Conditions())
	t.add(TermsStage, r.State, r.Stage)
	if said := r.Approvals(); len(said) > 0 {
		all := make([]any, len(said))
		for i, v := range said {
			all[i] = v
		}
		t.add(TermsAgreement, all...)
	}
	t.add(TermsPolicy, r.PolicyVersion, r.RulesVersion)
	if keeps != nil {
		t.add(TermsToken, keeps.ID, keeps.CanvasUser, keeps.CanvasID, keeps.Purpose, keeps.Expires, keeps.State)
	}
	return t
}

// ThawTerms are what each of the two reads who thaw a frozen token.
func ThawTerms(g Grant) Terms {
	t := termsOf(g.ID)
	t.add(TermsToken, g.Owner, g.Title, g.CanvasUser, g.CanvasID, g.Attempt)
	t.add(TermsFreeze, g.FrozenBy, g.FrozenAt, g.FreezeReason)
	t.add(TermsAgreement, g.FirstThaw())
	t.add(TermsSponsor, g.Sponsor)
	t.add(TermsEnd, g.EndsAt())
	t.add(TermsStage, g.State)
	return t
}

// TakeOverTerms are what somebody reads who was asked to stand for a token.
func TakeOverTerms(r Request, g Grant) Terms {
	t := termsOf(g.ID)
	t.add(TermsAnswers, r.Requester, r.Affiliation, r.Course, wishOf(r.Answers))
	t.add(TermsSponsor, g.Sponsor, g.SponsorAsked)
	t.add(TermsEnd, g.EndsAt())
	t.add(TermsConditions, r.Conditions())
	t.add(TermsToken, g.CanvasUser, g.CanvasID)
	t.add(TermsStage, g.State)
	return t
}

// FoundTerms are what the first person reads who puts a found token on the
// allow-list, and what the second one agrees to.
func FoundTerms(f Found) Terms {
	t := termsOf(f.ID)
	t.add(TermsToken, f.CanvasUser, f.CanvasID, f.Owner, f.AccountRole, f.Purpose, f.Marker, f.MadeAt, f.Expires)
	one, _ := f.Allowing()
	t.add(TermsAgreement, one, f.ReviewAt)
	t.add(TermsStage, f.State)
	return t
}

// LeakTerms are what a reviewer reads who clears an incident: seen are the
// answers to where the value was seen, by their ids, and state is where its
// token stands, empty where the incident is about none.
func LeakTerms(i Incident, seen []string, state GrantState) Terms {
	t := termsOf(i.ID)
	t.add(TermsReport, i.GrantID, i.Owner, i.ReportedBy, i.How, i.OpenedAt, seen)
	t.add(TermsToken, state)
	t.add(TermsStage, i.Open())
	return t
}

// MassTerms are what somebody reads who starts a planned mass revocation. A plan
// that was made anew has another version.
func MassTerms(m Mass) Terms {
	t := termsOf(m.ID)
	t.add(TermsSelection, m.Filter, m.Tokens, m.People, m.Version)
	return t
}

// wishOf are the answers without those that columns of their own took over.
func wishOf(a Answers) Answers {
	return a.Without(policy.KeyEnd, policy.KeySponsor, policy.KeyAccepted)
}

func termsOf(object string) Terms { return Terms{object: object} }

// add writes values so that no two lists of values are written alike.
func (t *Terms) add(part TermsPart, values ...any) {
	for i, v := range values {
		switch v := v.(type) {
		case time.Time:
			values[i] = v.UTC().Format(time.RFC3339Nano)
		case Vote:
			v.Round, v.At, v.End = 0, v.At.UTC(), v.End.UTC() // the round is nothing that people read
			values[i] = v
		}
	}
	data, err := json.Marshal(values)
	if err != nil {
		panic("access: terms that cannot be written: " + err.Error()) // every value above can
	}
	t.parts = append(t.parts, termsPart{part, string(data)})
}

// Digest is what a form carries of the terms that its page shows. It tells
// nothing of them, and another object's is never the same.
func (t Terms) Digest() string {
	parts := make([]string, len(t.parts))
	for i, p := range t.parts {
		parts[i] = string(p.name) + "." + t.sum(p)
	}
	return strings.Join(parts, "~")
}

func (t Terms) sum(p termsPart) string {
	sum := sha256.Sum256([]byte(strconv.Quote(t.object) + string(p.name) + p.value))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Check compares the terms with the digest of what was read. It returns a
// *TermsError that names the parts which changed since: every part that the
// digest does not vouch for. Without a digest nothing was read, and it names none.
func (t Terms) Check(read string) error {
	if read == "" {
		return &TermsError{}
	}
	was := map[string]string{}
	for part := range strings.SplitSeq(read, "~") {
		name, sum, _ := strings.Cut(part, ".")
		was[name] = sum
	}
	var changed []TermsPart
	for _, p := range t.parts {
		if was[string(p.name)] != t.sum(p) {
			changed = append(changed, p.name)
		}
		delete(was, string(p.name))
	}
	if len(changed) > 0 {
		return &TermsError{Changed: changed}
	}
	if len(was) > 0 { // the page showed a part that there is no longer
		return &TermsError{Changed: []TermsPart{TermsStage}}
	}
	return nil
}

// TermsError reports that what a person decided on is not what they read.
// Nothing was decided.
type TermsError struct {
	Changed []TermsPart // empty where the form did not say what was read
}

func (e *TermsError) Error() string {
	parts := make([]string, len(e.Changed))
	for i, p := range e.Changed {
		parts[i] = string(p)
	}
	return "not what was read: " + strings.Join(parts, ", ")
}

// Is makes every TermsError match ErrConflict.
func (e *TermsError) Is(target error) bool { return target == ErrConflict }
