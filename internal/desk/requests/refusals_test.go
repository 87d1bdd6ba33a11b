package requests_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/requests"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
)

// Somebody acting as another person writes nothing by any verb: the press is
// refused by its name, and recorded.
func TestActingWritesNothing(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	ctx := t.Context()
	g, value := r.Working()
	leaked, _ := r.Collected()
	_, err := r.Leaks.Report(ctx, r.As("maya", access.DoorCourse), leaked.Grant.ID)
	r.Must(err)
	inc := r.Incidents(r.Tenant)[0].ID
	ready, waits, review := r.Approved(), r.Submitted(), r.Submitted()
	r.Act(r.As("ana", access.DoorCourse), review.Code(), access.Endorse, access.Move{})
	draft, err := r.Requests.SaveDraft(ctx, r.As("maya", access.DoorCourse), "", r.Answers())
	r.Must(err)
	maya, ana, dana := r.As("maya", access.DoorCourse, desktest.ActingBy("9")), r.As("ana", access.DoorCourse, desktest.ActingBy("9")), r.As("dana", access.DoorAccount, desktest.ActingBy("9"))
	n := r.Namer(r.Everything())
	act := func(caller access.Caller, id string, do access.Action) func() error {
		return func() error {
			_, err := r.Requests.Act(ctx, caller, id, do, access.Move{Reason: "x", Alternative: "lti"}, r.TermsOf(id))
			return err
		}
	}
	for _, tt := range []struct {
		name string
		do   access.Action
		who  access.Caller
		id   string
		try  func() error
	}{
		{"submit", access.Submit, maya, string(r.Tenant), func() error { _, err := r.Requests.Submit(ctx, maya, "", r.Answers()); return err }},
		{"submit a draft", access.Submit, maya, draft.ID, func() error { _, err := r.Requests.Submit(ctx, maya, draft.ID, r.Answers()); return err }},
		{"save a new draft", access.Submit, maya, string(r.Tenant), func() error { _, err := r.Requests.SaveDraft(ctx, maya, "", r.Answers()); return err }},
		{"save under what was typed into an address", access.Submit, maya, string(r.Tenant), func() error {
			_, err := r.Requests.SaveDraft(ctx, maya, strings.Repeat("x", 41), r.Answers())
			return err
		}},
		{"save a draft", access.Submit, maya, draft.ID, func() error { _, err := r.Requests.SaveDraft(ctx, maya, draft.ID, r.Answers()); return err }},
		{"discard", access.Discard, maya, draft.ID, func() error { return r.Requests.DiscardDraft(ctx, maya, draft.ID) }},
		{"refile", access.Refile, maya, waits.ID, func() error { _, err := r.Requests.Refile(ctx, maya, waits.ID); return err }},
		{"choose a sponsor", access.ChooseSponsor, maya, waits.ID, func() error { _, err := r.Requests.ChooseSponsor(ctx, maya, waits.ID, "1"); return err }},
		{"withdraw", access.Withdraw, maya, waits.ID, act(maya, waits.ID, access.Withdraw)},
		{"endorse", access.Endorse, ana, waits.ID, act(ana, waits.ID, access.Endorse)},
		{"decline", access.Decline, ana, waits.ID, act(ana, waits.ID, access.Decline)},
		{"claim", access.Claim, dana, review.ID, act(dana, review.ID, access.Claim)},
		{"release", access.Release, dana, review.ID, act(dana, review.ID, access.Release)},
		{"approve", access.Approve, dana, review.ID, act(dana, review.ID, access.Approve)},
		{"deny", access.Deny, dana, review.ID, act(dana, review.ID, access.Deny)},
		{"rescind", access.Rescind, dana, ready.ID, act(dana, ready.ID, access.Rescind)},
		{"end the sponsorship of a request", access.EndSponsor, ana, ready.ID, act(ana, ready.ID, access.EndSponsor)},
		{"collect", access.Collect, maya, ready.ID, func() error { _, err := r.Tokens.Collect(ctx, maya, ready.ID); return err }},
		{"replace", access.Replace, maya, g.RequestID, func() error { _, err := r.Tokens.Replace(ctx, maya, g.RequestID); return err }},
		{"revoke", access.Revoke, maya, g.ID, func() error { _, err := r.Tokens.Revoke(ctx, maya, g.ID, ""); return err }},
		{"revoke as sponsor", access.Revoke, ana, g.ID, func() error { _, err := r.Tokens.Revoke(ctx, ana, g.ID, "x"); return err }},
		{"report misuse", access.EndSponsor, ana, g.ID, func() error { _, err := r.Tokens.ReportMisuse(ctx, ana, g.ID, "x"); return err }},
		{"end the sponsorship", access.EndSponsor, ana, g.ID, func() error { _, err := r.Tokens.EndSponsorship(ctx, ana, g.ID, ""); return err }},
		{"name a sponsor", access.NameNext, maya, g.ID, func() error { _, err := r.Tokens.NameSponsor(ctx, maya, g.ID, "1"); return err }},
		{"renew", access.Renew, maya, g.ID, func() error { _, err := r.Tokens.Renew(ctx, maya, g.ID); return err }},
		{"report a leak", access.ReportLeak, maya, g.ID, func() error { _, err := r.Leaks.Report(ctx, maya, g.ID); return err }},
		{"report a leak as reviewer", access.ReportLeak, dana, g.ID, func() error { _, err := r.Leaks.Report(ctx, dana, g.ID); return err }},
		{"tell where it was seen", access.ReportLeak, maya, leaked.Grant.ID, func() error { _, err := r.Leaks.TellSeen(ctx, maya, leaked.Grant.ID, "x"); return err }},
		{"paste a value", access.ReportLeak, dana, string(r.Tenant), func() error { _, err := r.Leaks.Check(ctx, dana, value); return err }},
		{"clear a leak", access.ClearIncident, dana, inc, func() error { _, err := r.Leaks.Clear(ctx, dana, inc, "x", r.TermsOf(inc)); return err }},
		{"freeze", access.Freeze, dana, g.ID, func() error { _, err := r.Tokens.Freeze(ctx, dana, g.ID, "x"); return err }},
		{"thaw", access.Thaw, dana, g.ID, func() error { _, err := r.Tokens.Thaw(ctx, dana, g.ID, r.TermsOf(g.ID)); return err }},
	} {
		r.Refused(tt.name, access.WhyActing, tt.do, n.Say(string(tt.who.Person)), n.Say(tt.id), tt.try)
	}
	// Typing is no act: that it is not kept is refused, and not worth a record.
	if got := r.Wrote(func() {
		if _, err := r.Requests.SaveText(ctx, maya, draft.ID, desk.FormRequest, []byte(`{}`)); access.WhyOf(err) != access.WhyActing {
			t.Errorf("kept: %v", err)
		}
	}); got != "" {
		t.Errorf("it wrote\n%s", got)
	}
	r.Proven()
}

// What the verbs refuse in the person, the state or the words, each by its name:
// nothing moves.
func TestVerbsRefuseByName(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	ctx := t.Context()
	maya, ana, dana, luca := r.As("maya", access.DoorCourse), r.As("ana", access.DoorCourse), r.As("dana", access.DoorAccount), r.As("luca", access.DoorCourse)
	g, _ := r.Working()
	waits, review := r.Submitted(), r.Submitted()
	r.Act(ana, review.Code(), access.Endorse, access.Move{})
	draft, err := r.Requests.SaveDraft(ctx, maya, "", r.Answers())
	r.Must(err)
	code := func(field string) func(error) bool {
		return func(err error) bool {
			var f *access.FormError
			return errors.As(err, &f) && len(f.Fields) == 1 && f.Fields[0].Code == field
		}
	}
	notFound := func(err error) bool { return errors.Is(err, access.ErrNotFound) }
	conflict := func(err error) bool { return errors.Is(err, access.ErrConflict) }
	why := func(w access.Why) func(error) bool { return func(err error) bool { return access.WhyOf(err) == w } }
	act := func(caller access.Caller, id string, do access.Action, m access.Move) func() error {
		return func() error { _, err := r.Requests.Act(ctx, caller, id, do, m, r.TermsOf(id)); return err }
	}
	choose := func(caller access.Caller, id, user string) func() error {
		return func() error { _, err := r.Requests.ChooseSponsor(ctx, caller, id, user); return err }
	}
	user := func(key string) string { return r.W.User(key).ID.String() }
	for name, tt := range map[string]struct {
		try  func() error
		want func(error) bool
	}{
		"decline without a reason":           {act(ana, waits.ID, access.Decline, access.Move{}), code("reason.decline")},
		"deny without a reason":              {act(dana, review.ID, access.Deny, access.Move{Alternative: "lti"}), code("reason.deny")},
		"deny without another way":           {act(dana, review.ID, access.Deny, access.Move{Reason: "x"}), code("alternative.missing")},
		"an end later than asked":            {act(dana, review.ID, access.Approve, access.Move{End: review.End.Add(time.Second)}), code("end.only_shorter")},
		"endorse with an end that is over":   {act(ana, waits.ID, access.Endorse, access.Move{End: r.Clock.Now()}), code("end.past")},
		"approve what waits for its sponsor": {act(dana, waits.ID, access.Approve, access.Move{}), conflict},
		"endorse what is in review":          {act(r.Helen(), review.ID, access.Endorse, access.Move{}), notFound},
		"collect by the way of moves":        {act(maya, waits.ID, access.Collect, access.Move{}), conflict},
		"lapse by hand":                      {act(dana, waits.ID, access.Lapse, access.Move{}), conflict},
		"withdraw another's":                 {act(luca, waits.ID, access.Withdraw, access.Move{}), notFound},
		"withdraw as sponsor":                {act(ana, waits.ID, access.Withdraw, access.Move{}), why(access.WhyNotYours)},
		"decline as requester":               {act(maya, waits.ID, access.Decline, access.Move{Reason: "x"}), why(access.WhyNotYours)},
		"choose no sponsor":                  {choose(maya, waits.ID, ""), code("sponsor.missing")},
		"choose oneself":                     {choose(maya, waits.ID, user("maya")), code("sponsor.self")},
		"choose who does not teach":          {choose(maya, waits.ID, user("tom")), code("sponsor.not_teaching")},
		"choose for another":                 {choose(luca, waits.ID, user("helen")), notFound},
		"choose as the sponsor":              {choose(ana, waits.ID, user("helen")), why(access.WhyNotYours)},
		"choose for what is in review":       {choose(maya, review.ID, user("helen")), conflict},
		"refile what waits":                  {func() error { _, err := r.Requests.Refile(ctx, maya, waits.ID); return err }, conflict},
		"refile another's":                   {func() error { _, err := r.Requests.Refile(ctx, luca, waits.ID); return err }, notFound},
		"discard another's":                  {func() error { return r.Requests.DiscardDraft(ctx, luca, draft.ID) }, notFound},
		"discard what was sent":              {func() error { return r.Requests.DiscardDraft(ctx, maya, waits.ID) }, conflict},
		"save what was sent":                 {func() error { _, err := r.Requests.SaveDraft(ctx, maya, waits.ID, r.Answers()); return err }, conflict},
		"keep text of another's": {func() error {
			_, err := r.Requests.SaveText(ctx, luca, waits.ID, desk.FormRequest, []byte(`{}`))
			return err
		}, notFound},
		"keep what is no form": {func() error {
			_, err := r.Requests.SaveText(ctx, maya, desk.NewObject, desk.FormRequest, []byte(`{`))
			return err
		}, func(err error) bool { return errors.Is(err, access.ErrInvalid) }},
		"keep too much": {func() error {
			_, err := r.Requests.SaveText(ctx, maya, desk.NewObject, desk.FormRequest, []byte(`"`+string(make([]byte, requests.MaxSavedText))+`"`))
			return err
		}, func(err error) bool { return errors.Is(err, access.ErrInvalid) }},
		"revoke without a reason":            {func() error { _, err := r.Tokens.Revoke(ctx, ana, g.ID, ""); return err }, code("reason.revoke")},
		"report misuse without a reason":     {func() error { _, err := r.Tokens.ReportMisuse(ctx, ana, g.ID, ""); return err }, code("reason.misuse")},
		"report misuse as owner":             {func() error { _, err := r.Tokens.ReportMisuse(ctx, maya, g.ID, "x"); return err }, why(access.WhyNotYours)},
		"freeze without a reason":            {func() error { _, err := r.Tokens.Freeze(ctx, dana, g.ID, ""); return err }, code("reason.freeze")},
		"freeze as owner":                    {func() error { _, err := r.Tokens.Freeze(ctx, maya, g.ID, "x"); return err }, why(access.WhyNotYours)},
		"freeze as sponsor":                  {func() error { _, err := r.Tokens.Freeze(ctx, ana, g.ID, "x"); return err }, why(access.WhyNotYours)},
		"thaw what works":                    {func() error { _, err := r.Tokens.Thaw(ctx, dana, g.ID, r.TermsOf(g.ID)); return err }, conflict},
		"name a sponsor while one stands":    {func() error { _, err := r.Tokens.NameSponsor(ctx, maya, g.ID, user("helen")); return err }, conflict},
		"where a token was seen, unreported": {func() error { _, err := r.Leaks.TellSeen(ctx, maya, g.ID, "x"); return err }, conflict},
		"collect what waits":                 {func() error { _, err := r.Tokens.Replace(ctx, luca, waits.ID); return err }, notFound},
		"paste what is no token":             {func() error { _, err := r.Leaks.Check(ctx, dana, "hello"); return err }, code("suspect.not_token")},
		"paste as owner":                     {func() error { _, err := r.Leaks.Check(ctx, maya, "hello"); return err }, why(access.WhyWrongDoor)},
	} {
		states := func() [4]int {
			return [4]int{r.Request(waits.ID).Version, r.Request(review.ID).Version, r.Request(draft.ID).Version, r.Grant(g.ID).Version}
		}
		before := states()
		if err := tt.try(); err == nil || !tt.want(err) || states() != before {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = r.Requests.SaveText(ctx, maya, waits.ID, requests.FormDecision, []byte(`{}`))
	r.Must(err)
	for _, caller := range []access.Caller{luca, ana} { // hers alone, also where another has a part in the request
		if text, at, err := r.Requests.SavedText(ctx, caller, waits.ID, requests.FormDecision); text != nil || !at.IsZero() || err != nil {
			t.Errorf("%s reads what Maya typed: %q, %v", caller.Name, text, err)
		}
	}
	if text, at, err := r.Requests.SavedText(ctx, maya, waits.ID, requests.FormDecision); string(text) != `{}` || !at.Equal(r.Clock.Now()) || err != nil {
		t.Errorf("she reads %q of %s, %v", text, at, err)
	}
	r.Proven()
}

// An empty draft or form has room for so many of one person.
func TestQuotaOfDrafts(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	maya := r.As("maya", access.DoorCourse)
	for range requests.MaxDrafts {
		_, err := r.Requests.SaveDraft(t.Context(), maya, "", r.Answers())
		r.Must(err)
	}
	if _, err := r.Requests.SaveDraft(t.Context(), maya, "", r.Answers()); access.WhyOf(err) != access.WhyDrafts {
		t.Errorf("one more: %v", err)
	}
	if _, err := r.Requests.SaveDraft(t.Context(), r.As("luca", access.DoorCourse), "", r.Answers()); err != nil {
		t.Errorf("another person's first: %v", err)
	}
}

// The quota of live tokens is held where the token is made, too: what was approved
// waits, and is collected when there is room.
func TestQuotaAtCollection(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	maya := r.As("maya", access.DoorCourse)
	third := r.Approved()
	first, _ := r.Collected()
	r.Collected()
	r.Refused("a third", access.WhyQuotaLive, access.Collect, "maya", third.Code(), func() error { _, err := r.Tokens.Collect(t.Context(), maya, third.Code()); return err })
	_, err := r.Tokens.Revoke(t.Context(), maya, first.Grant.ID, "")
	r.Must(err)
	if c, err := r.Tokens.Collect(t.Context(), maya, third.Code()); err != nil || c.Stage != tokens.StageSecret {
		t.Errorf("with room again: %s, %v", c.Stage, err)
	}
}
