package access

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/policy"
)

// changeField gives the i-th field of v another value.
func changeField(t *testing.T, v reflect.Value, i int) {
	t.Helper()
	f := v.Field(i)
	switch x := f.Addr().Interface().(type) {
	case *time.Time:
		*x = x.Add(time.Hour)
		return
	case *[]byte:
		*x = append(*x, 'x')
		return
	case *Course:
		x.ID += "x"
		return
	case *Answers:
		x.Set(policy.KeyBuild, x.Text(policy.KeyBuild)+"x")
		return
	case *MassFilter:
		x.Vendor += "x"
		return
	case *Votes:
		return // below
	case *time.Duration:
		*x += time.Hour
		return
	}
	switch f.Kind() {
	case reflect.String:
		f.SetString(f.String() + "x")
	case reflect.Int:
		f.SetInt(f.Int() + 1)
	case reflect.Bool:
		f.SetBool(!f.Bool())
	default:
		t.Fatalf("the test cannot change %s", v.Type().Field(i).Name)
	}
}

// TestTermsHoldWhatIsReadAndNothingElse changes every field of what is decided
// on, one at a time. A field that is new must be put on one of the two sides.
func TestTermsHoldWhatIsReadAndNothingElse(t *testing.T) {
	now := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	whole := func(v any) { // every field has a value
		x := reflect.ValueOf(v).Elem()
		for i := range x.NumField() {
			changeField(t, x, i)
		}
	}
	var (
		r Request
		g Grant
		f Found
		i Incident
		m Mass
	)
	for _, v := range []any{&r, &g, &f, &i, &m} {
		whole(v)
	}
	r.Answers = Answers{"purpose": {"coursework"}, "build": {"A helper."}, "maker": {"company"}, "maker_name": {"Acme"}, "maker_link": {"https://acme.test"}, "ai": {"yes"}, "ai_service": {"S"},
		"ai_data": {"D"}, "data": {"own"}, "storage": {"password_manager"}, "end": {"2026-12-20"}, "sponsor": {"7"}, "accepted": {Accepted}}
	i.ClearedAt = time.Time{}
	g.EndsBy = g.Expires.Add(24 * time.Hour)
	a := r.Answers
	course := g
	course.EndsBy = g.Expires.Add(-24 * time.Hour)
	for _, tt := range []struct {
		name  string
		of    any            // pointer to what changes
		terms func() Terms   // as read
		parts map[string]any // field to the part that names it, or nil: no term
	}{
		{"request", &r, func() Terms { return RequestTerms(r, &f) }, map[string]any{
			"ID": nil, "Tenant": nil, "Number": nil, "Version": nil, "State": TermsStage, "Requester": TermsAnswers, "Affiliation": TermsAnswers, "Course": TermsAnswers,
			"Answers": TermsAnswers, "Sponsor": TermsSponsor, "SponsorLost": TermsSponsor, "PolicyVersion": TermsPolicy, "RulesVersion": TermsPolicy, "Asked": TermsEnd,
			"End": TermsEnd, "EndCause": nil, "CreatedAt": nil, "UpdatedAt": nil, "SubmittedAt": nil, "SponsorDue": nil, "Stage": TermsStage, "Round": nil,
			"Votes": nil, "ReviewSince": nil, "ReviewDue": nil, "EndedBy": nil, "Remark": nil, "CollectBy": nil, "ClosedAt": nil, "RefiledFrom": nil, "Renews": TermsAnswers, "Since": nil,
			"Adopts": TermsAnswers, "ReturnedWhy": nil}},
		{"kept token", &f, func() Terms { return RequestTerms(r, &f) }, map[string]any{
			"ID": TermsToken, "CanvasUser": TermsToken, "CanvasID": TermsToken, "Purpose": TermsToken, "Expires": TermsToken, "State": TermsToken}},
		{"thaw", &g, func() Terms { return ThawTerms(g) }, map[string]any{
			"Owner": TermsToken, "Title": TermsToken, "CanvasUser": TermsToken, "CanvasID": TermsToken, "Attempt": TermsToken, "FrozenBy": TermsFreeze, "FrozenAt": TermsFreeze,
			"FreezeReason": TermsFreeze, "Sponsor": TermsSponsor, "Expires": TermsEnd, "RetireAt": nil, "State": TermsStage}},
		{"thaw, ending with its course", &course, func() Terms { return ThawTerms(course) }, map[string]any{
			"Owner": TermsToken, "Title": TermsToken, "CanvasUser": TermsToken, "CanvasID": TermsToken, "Attempt": TermsToken, "FrozenBy": TermsFreeze, "FrozenAt": TermsFreeze,
			"FreezeReason": TermsFreeze, "Sponsor": TermsSponsor, "EndsBy": TermsEnd, "State": TermsStage}},
		{"take over", &g, func() Terms { return TakeOverTerms(r, g) }, map[string]any{
			"CanvasUser": TermsToken, "CanvasID": TermsToken, "Sponsor": TermsSponsor, "SponsorAsked": TermsSponsor, "Expires": TermsEnd, "RetireAt": nil, "State": TermsStage}},
		{"found", &f, func() Terms { return FoundTerms(f) }, map[string]any{
			"State": TermsStage, "CanvasUser": TermsToken, "CanvasID": TermsToken, "Owner": TermsToken, "AccountRole": TermsToken, "Purpose": TermsToken, "Marker": TermsToken,
			"MadeAt": TermsToken, "Expires": TermsToken, "ReviewAt": TermsAgreement}},
		{"leak", &i, func() Terms { return LeakTerms(i, []string{"aud_1"}, Revoked) }, map[string]any{
			"GrantID": TermsReport, "Owner": TermsReport, "ReportedBy": TermsReport, "How": TermsReport, "OpenedAt": TermsReport, "ClearedAt": TermsStage}},
		{"mass", &m, func() Terms { return MassTerms(m) }, map[string]any{
			"Version": TermsSelection, "Filter": TermsSelection, "Tokens": TermsSelection, "People": TermsSelection}},
	} {
		v := reflect.ValueOf(tt.of).Elem()
		whole := tt.name == "request" // every field is listed
		for n := range v.NumField() {
			name := v.Type().Field(n).Name
			part, listed := tt.parts[name]
			if whole && !listed {
				t.Errorf("%s: is %s a term, or not? Say it here", tt.name, name)
				continue
			}
			if name == "ID" || name == "Votes" {
				continue // below
			}
			read := tt.terms().Digest()
			before := reflect.New(v.Type()).Elem()
			before.Set(v)
			changeField(t, v, n)
			err := tt.terms().Check(read)
			v.Set(before)
			var e *TermsError
			switch errors.As(err, &e); {
			case part == nil && err != nil:
				t.Errorf("%s: %s changes the terms: %v", tt.name, name, err)
			case part != nil && (e == nil || !slices.Equal(e.Changed, []TermsPart{part.(TermsPart)})):
				t.Errorf("%s: a change of %s is told as %v, want %s", tt.name, name, err, part)
			}
		}
	}
	voted := func(what string, of func() Terms, votes *Votes, v Vote, part TermsPart) {
		read := of().Digest()
		before := *votes
		*votes = before.with(v)
		err := of().Check(read)
		*votes = before
		var e *TermsError
		switch errors.As(err, &e); {
		case part == "" && err != nil:
			t.Errorf("%s changes the terms: %v", what, err)
		case part != "" && (e == nil || !slices.Contains(e.Changed, part)):
			t.Errorf("%s is told as %v, want %s", what, err, part)
		}
	}
	reviewing := Request{ID: "req_A", State: InReview, Stage: 2, Round: 1}
	for what, tt := range map[string]struct {
		v    Vote
		part TermsPart
	}{
		"an endorsement":            {Vote{Round: 1, Part: AsSponsor, Person: ana, Verdict: Yes, Reason: "fine"}, TermsSponsor},
		"a yes of an earlier stage": {Vote{Round: 1, Stage: 1, Part: AsReviewer, Person: dana, Verdict: Yes}, TermsAgreement},
		"its conditions":            {Vote{Round: 1, Stage: 1, Part: AsReviewer, Person: dana, Verdict: Yes, Conditions: "less"}, TermsConditions},
		"a yes of an earlier round": {Vote{Round: 0, Stage: 1, Part: AsReviewer, Person: dana, Verdict: Yes, Conditions: "less"}, ""},
		"a claim":                   {Vote{Round: 1, Stage: 2, Part: AsReviewer, Person: dana, Verdict: Claimed}, ""},
	} {
		voted(what, func() Terms { return RequestTerms(reviewing, nil) }, &reviewing.Votes, tt.v, tt.part)
	}
	frozen, allowing := Grant{ID: "grt_A", State: Frozen, Round: 1}, Found{ID: "fnd_A", State: FoundAllowing}
	voted("a yes to a thaw", func() Terms { return ThawTerms(frozen) }, &frozen.Votes, thawYes(1, dana), TermsAgreement)
	voted("a yes to the thaw before", func() Terms { return ThawTerms(frozen) }, &frozen.Votes, thawYes(0, dana), "")
	voted("a yes to an entry", func() Terms { return FoundTerms(allowing) }, &allowing.Votes, Vote{Stage: 1, Part: AsReviewer, Person: dana, Verdict: Yes, Reason: "export", End: now}, TermsAgreement)
	read := RequestTerms(r, nil).Digest()
	// Every answer is a term, whatever the question, but those that columns took over.
	for _, q := range append(policy.BuiltIn().Questions, policy.Question{Key: "added_by_a_school"}) {
		for change, values := range map[string][]string{"another": {"x"}, "one more": append(slices.Clone(a.All(q.Key)), "x"), "none": nil} {
			r.Answers = a
			r.Answers.Set(q.Key, values...)
			want := !q.Kind.Own() && !r.Answers.Equal(a)
			if e := RequestTerms(r, nil).Check(read); errors.Is(e, ErrConflict) != want {
				t.Errorf("%s: %s: a term: %v, want %v", q.Key, change, e, want)
			}
			was := r
			was.Answers = a
			if e := TakeOverTerms(r, g).Check(TakeOverTerms(was, g).Digest()); errors.Is(e, ErrConflict) != want {
				t.Errorf("%s: %s: a term of who takes over: %v, want %v", q.Key, change, e, want)
			}
		}
	}
	r.Answers = a
	if e := LeakTerms(i, []string{"aud_1"}, Revoked).Check(LeakTerms(i, nil, Revoked).Digest()); e == nil {
		t.Error("what was told of a leak is no term")
	}
	if e := LeakTerms(i, nil, Revoked).Check(LeakTerms(i, nil, Revoking).Digest()); e == nil {
		t.Error("where the leaked token stands is no term")
	}
	retired := g
	retired.RetireAt = now.AddDate(-3, 0, 0)
	if e := ThawTerms(retired).Check(ThawTerms(g).Digest()); e == nil && !retired.EndsAt().Equal(g.EndsAt()) {
		t.Error("an earlier end is no term")
	}
}

// TestTermsOfNobody: a digest that is missing, cut, of other parts or of another
// object vouches for nothing.
func TestTermsOfNobody(t *testing.T) {
	r := Request{ID: "req_A", State: InReview, Answers: Answers{"build": {"A helper."}}}
	terms, other := RequestTerms(r, nil), r
	other.ID = "req_B"
	read := terms.Digest()
	if err := terms.Check(read); err != nil {
		t.Fatalf("what was read is refused: %v", err)
	}
	kept := RequestTerms(r, &Found{ID: "fnd_A"})
	first, rest, _ := strings.Cut(read, "~")
	for name, tt := range map[string]struct {
		terms Terms
		read  string
		parts int
	}{
		"nothing":              {terms, "", 0},
		"noise":                {terms, "x.~~..", 6},
		"another object":       {terms, RequestTerms(other, nil).Digest(), 6},
		"one part missing":     {terms, rest, 1},
		"one part alone":       {terms, first, 5},
		"a part cut short":     {terms, read[:len(read)-1], 1},
		"a part is new":        {kept, read, 1},
		"a part is gone":       {terms, kept.Digest(), 1},
		"another kind of form": {ThawTerms(Grant{ID: r.ID}), read, 6},
	} {
		var e *TermsError
		if err := tt.terms.Check(tt.read); !errors.As(err, &e) || !errors.Is(err, ErrConflict) || len(e.Changed) != tt.parts {
			t.Errorf("%s: %v, want a conflict about %d parts", name, err, tt.parts)
		}
	}
	if strings.Contains(read, "helper") {
		t.Error("a digest tells what it is of")
	}
}
